// towtank check FILE: reads a scenario, reports every mistake, simulates nothing.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/model/parameters.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/plan_text.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

struct CheckOptions {
  std::string file;
  std::vector<std::string> overrides;
};

std::string parameters(const Architecture& model) {
  const std::string total = short_count(total_parameters(model)) + " parameters";
  return model.moe.experts == 0
             ? total
             : fmt::format("{}, {} active", total, short_count(active_parameters(model)));
}

std::string summary(const Scenario& scenario) {
  return fmt::format("{} ({}), {}, on {} x {}",
                     scenario.model.name,
                     parameters(scenario.model),
                     plan_line(scenario.plan),
                     format_count(scenario.cluster.gpus()),
                     scenario.cluster.gpu);
}

void check_scenario(const CheckOptions& options) {
  const Scenario scenario = read_scenario_aloud(options.file, parse_overrides(options.overrides));
  const Profile profile = profile_for(scenario);
  check_against_profile(scenario, profile);
  print(fmt::format("{}: ok\n  {}\n", options.file, summary(scenario)));
}

}  // namespace

void add_check(CLI::App& program, Invocation&) {
  CLI::App* const command =
      program.add_subcommand("check", "Read a scenario and report every mistake; simulate nothing");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->file, "Scenario file")->required()->type_name("");
  add_overrides(*command, options->overrides);
  command->callback([options] { check_scenario(*options); });
}

}  // namespace towtank
