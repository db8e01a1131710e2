#include "sim/published/gpu_names.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/toml_words.hpp"

namespace towtank {
namespace {

constexpr int kServer = 8;  // GPUs of a server
constexpr int kTray = 4;    // of a rack

// Latencies of a message of 64 bytes; arXiv 2505.09343, Table 5.
constexpr Seconds kNvlinkLatency = 3.33 * microsecond;
constexpr Seconds kNicLatency = 3.7 * microsecond;

Bytes memory_or_none(TomlTable& table) {
  return table.has("memory") ? table.data("memory") : Bytes{};
}

NamedGpu read_gpu(TomlTable& table, const TomlNode& node) {
  NamedGpu gpu;
  gpu.names = words_or_none(table, node, "names");
  gpu.profile = table.text("profile", "h100-sxm");
  gpu.memory = memory_or_none(table);
  gpu.memory_bandwidth = table.bandwidth_or("memory_bandwidth", {});
  gpu.compute_slowdown =
      table.number_or("compute_slowdown", 1.0, {.least = 0.1, .most = 10.0, .example = 1.2});
  gpu.domain = static_cast<int>(
      table.integer_or("domain", kServer, {.least = 1, .most = 1024, .example = kServer}));
  gpu.remark = table.text_or("remark", "");
  table.finish();
  return gpu;
}

/// GPUs of a domain where there are more than one domain holds.
int domain_size(const NamedGpu& gpu, int gpus) {
  if (gpu.domain <= kServer) {
    return gpu.domain;
  }
  for (int size = gpu.domain; size > gpu.domain / 2; size -= kTray) {
    if (gpus % size == 0) {
      return size;
    }
  }
  return gpu.domain;
}

}  // namespace

std::vector<NamedGpu> read_gpu_names(const std::string& path) {
  const TomlNode document = read_toml_file(path);
  Mistakes mistakes;
  TomlTable file(document, "", mistakes);
  file.has("site");
  file.has("gpu");
  std::vector<NamedGpu> gpus;
  for (const TomlNode* const node : table_nodes(document, "gpu")) {
    TomlTable table(*node, "gpu", mistakes);
    gpus.push_back(read_gpu(table, *node));
  }
  file.finish();
  mistakes.throw_if_any();
  return gpus;
}

const NamedGpu* find_gpu(const std::vector<NamedGpu>& gpus, const std::string& name) {
  const std::string key = name_key(name);
  const auto found = std::ranges::find_if(gpus, [&](const NamedGpu& gpu) {
    return std::ranges::any_of(gpu.names,
                               [&](const std::string& known) { return name_key(known) == key; });
  });
  return found == gpus.end() ? nullptr : &*found;
}

std::vector<Site> read_sites(const std::string& path) {
  const TomlNode document = read_toml_file(path);
  Mistakes mistakes;
  std::vector<Site> sites;
  for (const TomlNode* const node : table_nodes(document, "site")) {
    TomlTable table(*node, "site", mistakes);
    sites.push_back({.sources = words_or_none(table, *node, "sources"),
                     .nic = table.bandwidth("nic"),
                     .remark = table.text("remark", "4 cards of 100 Gbit/s a node of 8 GPUs")});
    table.finish();
  }
  mistakes.throw_if_any();
  return sites;
}

Cluster cluster_of(const NamedGpu& gpu, const Profile& profile, const Site* site, int gpus) {
  const int domain = domain_size(gpu, gpus);
  const int nodes = (gpus + domain - 1) / domain;
  Cluster cluster;
  cluster.gpu = gpu.profile;
  cluster.nodes = nodes;
  cluster.gpus_per_node = gpu.domain > kServer && nodes == 1 ? gpus : domain;
  cluster.idle = nodes * cluster.gpus_per_node - gpus;
  cluster.nvlink = {.bandwidth = profile.gpu.nvlink, .latency = kNvlinkLatency};
  cluster.nic = {.bandwidth = site == nullptr ? profile.gpu.nic : site->nic,
                 .latency = kNicLatency};
  cluster.name = fmt::format("{} {} in {} domains", gpus, gpu.profile, nodes);
  return cluster;
}

}  // namespace towtank
