// towtank experts FILE: how the experts of a model load the ranks that hold them.
#include <memory>
#include <string>
#include <vector>

#include "reports/experts_json.hpp"
#include "reports/experts_text.hpp"
#include "sim/base/error.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/experts_report.hpp"

namespace towtank {
namespace {

struct ExpertsOptions {
  std::string file;
  std::vector<std::string> overrides;
  bool json = false;
};

void show_experts(const ExpertsOptions& options, Colour colour) {
  const Scenario scenario = read_scenario_aloud(options.file, parse_overrides(options.overrides));
  if (const auto problem = problem_of_experts(scenario, scenario.plan.expert_plan)) {
    throw InputError(
        place_of(scenario, "experts." + problem->key), problem->message, problem->hint);
  }
  announce("drawing tokens of " + options.file);
  const ExpertsReport report = report_experts(scenario, scenario.plan.expert_plan);
  print(options.json ? experts_json(report) : experts_text(report, colour));
}

}  // namespace

void add_experts(CLI::App& program, Invocation& invocation) {
  CLI::App* const command = program.add_subcommand(
      "experts", "Load of the ranks that hold experts, in order and balanced");
  const auto options = std::make_shared<ExpertsOptions>();
  command->add_option("FILE", options->file, "Scenario file")->required()->type_name("");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { show_experts(*options, invocation.colour); });
}

}  // namespace towtank
