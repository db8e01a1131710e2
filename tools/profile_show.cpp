// towtank profile show GPU: what is known of a GPU, and how a scenario's kernels follow from it.
#include <memory>
#include <string>
#include <vector>

#include "reports/profile_text.hpp"
#include "sim/base/error.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/scenario.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"
#include "tools/profile_commands.hpp"
#include "tools/profile_report.hpp"
#include "tools/project_training.hpp"

namespace towtank {
namespace {

struct ShowOptions {
  std::string gpu;
  std::string scenario;
  std::vector<std::string> overrides;
  bool json = false;
};

void show_profile(const ShowOptions& options, Colour colour) {
  if (options.scenario.empty()) {
    if (!options.overrides.empty()) {
      throw UsageError("towtank profile show: --set has no scenario to change",
                       "name one with --scenario FILE");
    }
    const ProfileReport report = profile_report(selected_profile(options.gpu));
    print(options.json ? profile_json(report) : profile_text(report, colour));
    return;
  }
  const Profile profile =
      read_profile_named_or_at(profile_directory(options.scenario), options.gpu);
  Scenario scenario = read_scenario_aloud(options.scenario, parse_overrides(options.overrides));
  check_against_profile(scenario, profile);
  ProfileReport report = profile_report(profile);
  report.scenario = scenario.name;
  report.ops = resolved_ops(scenario, profile);
  print(options.json ? profile_json(report) : profile_text(report, colour));
}

}  // namespace

void add_profile_show(CLI::App& profile, Invocation& invocation) {
  CLI::App* const show = profile.add_subcommand(
      "show", "Print a GPU's profile, or how a scenario's kernels follow from it");
  const auto options = std::make_shared<ShowOptions>();
  show->add_option("GPU", options->gpu, kProfileHelp)->required()->type_name("");
  show->add_option(
          "--scenario", options->scenario, "List every kernel of this scenario's step instead")
      ->type_name("FILE");
  add_overrides(*show, options->overrides);
  show->add_flag("--json", options->json, "Print one JSON object");
  show->callback([options, &invocation] { show_profile(*options, invocation.colour); });
}

}  // namespace towtank
