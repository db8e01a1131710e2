#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/reader.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/profile/transfer.hpp"

namespace towtank {
namespace {

std::string path_in(const std::string& directory, const std::string& gpu_name) {
  return (std::filesystem::path(directory) / (gpu_name + ".toml")).string();
}

/// The profiles that `profile` takes over from: of the GPU that it names, then of the GPU that this
/// one takes over from, less certain by as much, and so on; never of the same GPU twice.
std::vector<Profile> read_others(const Profile& profile, const std::string& directory) {
  std::vector<Profile> others;
  std::set<std::string> known = {profile.gpu.name};
  std::optional<Transfer> next = profile.transfer;
  double less_certain = 0.0;
  while (next && known.insert(next->from).second) {
    Mistakes of_other;
    others.push_back(read_profile_file(path_in(directory, next->from), directory, of_other));
    of_other.throw_if_any();
    widen(others.back(), less_certain);
    next = others.back().transfer;
    less_certain = next ? std::hypot(less_certain, next->error) : 0.0;
  }
  return others;
}

/// A profile with everything it takes over from others of `directory`.
Profile read_with_transfer(const std::string& path, const std::string& directory) {
  Mistakes mistakes;
  Profile profile = read_profile_file(path, directory, mistakes);
  if (profile.transfer && mistakes.sound("transfer.from")) {
    try {
      const std::vector<Profile> others = read_others(profile, directory);
      if (mistakes.empty()) {
        for (const Profile& other : others) {
          adopt_measurements(profile, other);
        }
      }
    } catch (const InputError& error) {
      mistakes.add(error);
    }
  }
  mistakes.throw_if_any();
  correct_fits(profile);
  index_kinds(profile);
  return profile;
}

}  // namespace

Profile read_profile(const std::string& directory, const std::string& gpu_name) {
  const std::vector<std::string> known = list_profiles(directory);
  if (std::ranges::find(known, gpu_name) == known.end()) {
    const std::string known_ones = known.empty() ? "" : suggest(gpu_name, known);
    const std::string hint =
        known.empty()
            ? fmt::format("there is none in {} at all", directory)
            : fmt::format("{}{} Or measure it and write {}.toml, as README.md there shows",
                          known_ones,
                          known_ones.ends_with('?') ? "" : ".",
                          shown(gpu_name));
    throw InputError({.file = directory},
                     fmt::format("there is no profile of a GPU '{}'", shown(gpu_name)),
                     hint);
  }
  return read_with_transfer(path_in(directory, gpu_name), directory);
}

bool names_a_profile_file(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml");
}

Profile read_profile_named_or_at(const std::string& directory, const std::string& name_or_path) {
  return names_a_profile_file(name_or_path) ? read_with_transfer(name_or_path, directory)
                                            : read_profile(directory, name_or_path);
}

std::vector<std::string> list_profiles(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) {
    throw EnvironmentError(
        fmt::format("cannot read the profiles in {}: {}", directory, error.message()));
  }
  std::vector<std::string> names;
  for (const std::filesystem::directory_entry& file : files) {
    if (file.path().extension() == ".toml") {
      names.push_back(file.path().stem().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace towtank
