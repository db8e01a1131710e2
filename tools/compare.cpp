// towtank compare FILE FILE...: projections side by side, and why they differ.
#include <memory>
#include <string>
#include <vector>

#include "reports/comparison_json.hpp"
#include "reports/comparison_text.hpp"
#include "sim/base/error.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

struct CompareOptions {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  bool json = false;
};

/// All scenarios, or every mistake of all files.
std::vector<Scenario> read_scenarios(const CompareOptions& options) {
  const std::vector<Override> overrides = parse_overrides(options.overrides);
  std::vector<Scenario> scenarios;
  std::vector<Diagnostic> mistakes;
  for (const std::string& file : options.files) {
    try {
      scenarios.push_back(read_scenario(file, overrides));
    } catch (const InputError& error) {
      mistakes.insert(mistakes.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return scenarios;
}

void compare_scenarios(const CompareOptions& options, Colour colour) {
  if (options.files.size() < 2) {
    throw UsageError("towtank compare: needs at least two scenario files, found one",
                     "towtank simulate " + options.files.front() + " projects a single one");
  }
  const std::vector<Scenario> scenarios = read_scenarios(options);
  std::vector<TrainingReport> reports;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    const Profile profile =
        read_profile(profile_directory(options.files[i]), scenarios[i].cluster.gpu);
    announce("simulating " + options.files[i]);
    reports.push_back(project_training(scenarios[i], profile, Folding::kFolded));
  }
  print(options.json ? comparison_json(reports) : comparison_text(reports, colour));
}

}  // namespace

void add_compare(CLI::App& program, Invocation& invocation) {
  CLI::App* const command =
      program.add_subcommand("compare", "Project scenarios side by side, and say why they differ");
  const auto options = std::make_shared<CompareOptions>();
  command
      ->add_option(
          "FILE", options->files, "Scenario files; the first is what others are held against")
      ->required()
      ->type_name("");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { compare_scenarios(*options, invocation.colour); });
}

}  // namespace towtank
