// From the name of a GPU as a table of runs writes it to what such a GPU is and sits in.
#pragma once

#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

/// A GPU as runs were made on it.
struct NamedGpu {
  std::vector<std::string> names;  // as tables write them
  std::string profile;             // of the profiles, the one that knows it
  Bytes memory;                    // zero: the profile's
  Bandwidth memory_bandwidth;      // zero: the profile's
  double compute_slowdown = 1.0;   // of its tensor cores beside the profile's GPU
  int domain = 8;                  // GPUs that one NVLink domain has at most
  std::string remark;              // where it is not the profile's GPU
};

/// Reads scenarios/published/gpus.toml. InputError with every mistake.
std::vector<NamedGpu> read_gpu_names(const std::string& path);

/// The GPU of that name, or null.
const NamedGpu* find_gpu(const std::vector<NamedGpu>& gpus, const std::string& name);

/// A network of runs that is not the one a GPU's servers usually have.
struct Site {
  std::vector<std::string> sources;  // words of the source of its runs
  Bandwidth nic;                     // a GPU, one direction
  std::string remark;
};

/// Reads the sites of the same file.
std::vector<Site> read_sites(const std::string& path);

/// As many GPUs in NVLink domains of one size: the largest that divides their number, of whole
/// trays of four where a domain is a rack. The NIC is the site's, or null for the profile's.
Cluster cluster_of(const NamedGpu& gpu, const Profile& profile, const Site* site, int gpus);

}  // namespace towtank
