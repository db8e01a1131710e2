// towtank simulate FILE: the projection of one scenario.
#include "sim/engine/simulate.hpp"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/training_json.hpp"
#include "reports/training_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

struct SimulateOptions {
  std::string file;
  std::vector<std::string> overrides;
  bool json = false;
  bool unfolded = false;
  bool ranks = false;
  std::string engine = std::string(kEngineNames.front());
};

/// UsageError with the nearest name when there is no such engine.
Engine engine_named(const std::string& word) {
  std::vector<std::string> known;
  known.reserve(kEngineNames.size());
  for (std::size_t i = 0; i < kEngineNames.size(); ++i) {
    if (kEngineNames[i] == word) {
      return static_cast<Engine>(i);
    }
    known.emplace_back(kEngineNames[i]);
  }
  throw UsageError(fmt::format("towtank simulate: --engine has no '{}'", word),
                   suggest(word, known));
}

int simulate_scenario(const SimulateOptions& options, Colour colour) {
  const Scenario scenario = read_scenario_aloud(options.file, parse_overrides(options.overrides));
  const Profile profile = profile_for(scenario);
  announce("simulating " + options.file);
  const TrainingReport report =
      project_training(scenario,
                       profile,
                       options.unfolded ? Folding::kUnfolded : Folding::kFolded,
                       engine_named(options.engine));
  print(options.json ? training_json(report) : training_text(report, colour));
  if (options.ranks && !options.json) {
    print("\n" + ranks_text(report, colour));
  }
  if (!report.memory.fits) {
    std::fflush(stdout);
    std::fputs(("towtank: " + memory_overflow(report.memory) + "\n").c_str(), stderr);
    return kExitNo;
  }
  return kExitOk;
}

}  // namespace

void add_simulate(CLI::App& program, Invocation& invocation) {
  CLI::App* const command = program.add_subcommand(
      "simulate", "Project a scenario: step time, why, and what the run costs");
  const auto options = std::make_shared<SimulateOptions>();
  command->add_option("FILE", options->file, "Scenario file")->required()->type_name("");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->add_flag(
      "--ranks", options->ranks, "Also print every pipeline rank (JSON has them anyway)");
  command->add_flag(
      "--no-fold", options->unfolded, "Simulate every GPU by itself (small clusters only)");
  command
      ->add_option("--engine",
                   options->engine,
                   "towtank, or simgrid: slower, there to check the other [towtank]")
      ->type_name("NAME");
  command->callback([options, &invocation] {
    invocation.exit_code = simulate_scenario(*options, invocation.colour);
  });
}

}  // namespace towtank
