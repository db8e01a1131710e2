// towtank profile compare A B: how much faster one GPU is than another, kernel by kernel.
#include <memory>
#include <string>
#include <vector>

#include "reports/profile_comparison_text.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/tables/op_filter.hpp"
#include "tools/profile_commands.hpp"
#include "tools/profile_comparison.hpp"

namespace towtank {
namespace {

struct CompareOptions {
  std::string first;
  std::string second;
  std::string op;
  bool json = false;
};

void compare(const CompareOptions& options, Colour colour) {
  const std::vector<OpKind> kinds =
      options.op.empty() ? std::vector<OpKind>{} : kinds_named(options.op);
  const Profile first = selected_profile(options.first);
  const Profile second = selected_profile(options.second);
  const ProfileComparison comparison = compare_profiles(first, second, kinds);
  if (comparison.kernels.empty() && comparison.notes.empty()) {
    throw UsageError("towtank profile compare: neither profile measured " +
                         (options.op.empty() ? "anything" : options.op),
                     "towtank profile show " + options.first + " lists what is measured");
  }
  print(options.json ? profile_comparison_json(comparison)
                     : profile_comparison_text(comparison, colour));
}

}  // namespace

void add_profile_compare(CLI::App& profile, Invocation& invocation) {
  CLI::App* const command =
      profile.add_subcommand("compare", "Hold two GPUs' kernel times and datasheets side by side");
  const auto options = std::make_shared<CompareOptions>();
  command->add_option("A", options->first, kProfileHelp)->required()->type_name("");
  command->add_option("B", options->second, "The profile whose times are over those of A")
      ->required()
      ->type_name("");
  command->add_option("--op", options->op, "Compare these ops only, such as gemm")
      ->type_name("WORD");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { compare(*options, invocation.colour); });
}

}  // namespace towtank
