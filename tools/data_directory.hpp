// Where Towtank's data is: the directory that holds profiles/ and scenarios/.
#pragma once

#include <filesystem>
#include <string>

namespace towtank {

/// The nearest directory at or above `start` with a profiles/ that holds .toml files; else the
/// environment variable TOWTANK_DATA; else the source tree the program was built from. Throws
/// EnvironmentError when none has profiles.
std::filesystem::path data_directory(const std::filesystem::path& start);

/// profiles/ beside a scenario file.
std::string profile_directory(const std::string& scenario_file);

/// The path as a user at the working directory would write it.
std::string shown_path(const std::filesystem::path& path);

}  // namespace towtank
