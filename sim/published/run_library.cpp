#include <utility>

#include <fmt/format.h>

#include "sim/published/run_scenario.hpp"

namespace towtank {

RunLibrary::RunLibrary(const std::string& data)
    : profiles_(data + "/profiles"),
      models_(data + "/scenarios/models", data + "/scenarios/published/names.toml"),
      gpus_(read_gpu_names(data + "/scenarios/published/gpus.toml")),
      sites_(read_sites(data + "/scenarios/published/gpus.toml")),
      stacks_(read_stacks(data + "/scenarios/stacks")) {}

const Profile& RunLibrary::profile_of(const NamedGpu& gpu) const {
  const std::string key = fmt::format("{} {}", gpu.profile, gpu.memory.si());
  std::unique_ptr<const Profile>& known = known_[key];
  if (known == nullptr) {
    Profile profile = read_profile(profiles_, gpu.profile);
    if (gpu.memory > Bytes{}) {
      profile.gpu.memory = gpu.memory;
    }
    known = std::make_unique<const Profile>(std::move(profile));
  }
  return *known;
}

}  // namespace towtank
