// towtank profile ...: what is known of GPUs, and where it comes from.
#include "tools/profile_commands.hpp"

#include <filesystem>

#include "tools/data_directory.hpp"

namespace towtank {

std::string known_profiles() {
  return shown_path(data_directory(std::filesystem::current_path()) / "profiles");
}

Profile selected_profile(const std::string& name_or_path) {
  return read_profile_named_or_at(known_profiles(), name_or_path);
}

void add_profile(CLI::App& program, Invocation& invocation) {
  CLI::App* const profile =
      program.add_subcommand("profile", "What is known of a GPU, and where it comes from");
  profile->require_subcommand(1);
  add_profile_show(*profile, invocation);
  add_profile_explain(*profile, invocation);
  add_profile_check(*profile, invocation);
  add_profile_import(*profile, invocation);
  add_profile_compare(*profile, invocation);
}

}  // namespace towtank
