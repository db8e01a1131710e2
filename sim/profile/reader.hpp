// One profile file.
#pragma once

#include <string>

#include "sim/profile/profile.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Everything that the file says itself, without what it transfers; mistakes are collected. The
/// GPU's name must be the file's. The profile it transfers from must be one of `directory`.
Profile read_profile_file(const std::string& path,
                          const std::string& directory,
                          Mistakes& mistakes);

}  // namespace towtank
