// The subcommands of `towtank profile`, a file each, and what they share.
#pragma once

#include <string>

#include <CLI/App.hpp>

#include "sim/profile/profile.hpp"
#include "tools/commands.hpp"

namespace towtank {

void add_profile_show(CLI::App& profile, Invocation& invocation);
void add_profile_explain(CLI::App& profile, Invocation& invocation);
void add_profile_check(CLI::App& profile, Invocation& invocation);
void add_profile_import(CLI::App& profile, Invocation& invocation);
void add_profile_compare(CLI::App& profile, Invocation& invocation);

/// Help for an argument that selects a profile.
inline constexpr const char* kProfileHelp =
    "Name of a profile (towtank list profiles), or the path of one";

/// The directory of the known profiles, as seen from where the program runs.
std::string known_profiles();

/// The profile of this name or at this path.
Profile selected_profile(const std::string& name_or_path);

}  // namespace towtank
