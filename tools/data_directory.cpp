#include "tools/data_directory.hpp"

#include <cstdlib>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

bool has_profiles(const fs::path& directory) {
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(directory / "profiles", error)) {
    if (file.path().extension() == ".toml") {
      return true;
    }
  }
  return false;
}

}  // namespace

fs::path data_directory(const fs::path& start) {
  for (fs::path at = fs::absolute(start).lexically_normal();; at = at.parent_path()) {
    if (has_profiles(at)) {
      return at;
    }
    if (at == at.root_path() || at.empty()) {
      break;
    }
  }
  const char* const stated = std::getenv("TOWTANK_DATA");
  fs::path fallback = stated != nullptr ? stated : TOWTANK_DATA_DIR;
  if (!has_profiles(fallback)) {
    throw EnvironmentError("no profiles/ with .toml files at or above " + shown_path(start) +
                           ", nor in " + fallback.string() +
                           "; set TOWTANK_DATA to the directory that holds profiles/");
  }
  return fallback;
}

std::string profile_directory(const std::string& scenario_file) {
  const fs::path beside = fs::absolute(scenario_file).lexically_normal().parent_path();
  return shown_path(data_directory(beside) / "profiles");
}

std::string shown_path(const fs::path& path) {
  const fs::path near =
      fs::absolute(path).lexically_normal().lexically_proximate(fs::current_path());
  const bool above = near.begin() != near.end() && *near.begin() == "..";
  return above ? fs::absolute(path).lexically_normal().string() : near.string();
}

}  // namespace towtank
