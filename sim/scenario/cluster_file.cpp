#include "sim/scenario/cluster_file.hpp"

#include <filesystem>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/document.hpp"

namespace towtank {
namespace {

GpuLink read_link(TomlTable table) {
  const GpuLink link{.bandwidth = table.bandwidth("bandwidth"), .latency = table.time("latency")};
  table.finish();
  return link;
}

/// The document in which the cluster stands under "cluster". A file that has none is a cluster
/// itself: as if a scenario beside it had it as its base.
TomlNode document_with_cluster(const std::string& path,
                               std::vector<Override> overrides,
                               Mistakes& mistakes) {
  if (find_member(read_toml_file(path), "cluster") == nullptr) {
    const std::string file = std::filesystem::path(path).filename().string();
    overrides.insert(overrides.begin(), {.key = "cluster.base", .value = file});
  }
  return read_scenario_document(path, overrides, mistakes);
}

}  // namespace

Cluster read_cluster_file(const std::string& path, const std::vector<Override>& overrides) {
  Mistakes mistakes;
  const TomlNode document = document_with_cluster(path, overrides, mistakes);
  const TomlMember* const member = find_member(document, "cluster");
  check(member != nullptr, "the document has a cluster by now");
  TomlTable table(member->node, "cluster", mistakes);
  constexpr IntegerRange kNodes{.least = 1, .most = 1 << 22, .example = 256};
  constexpr IntegerRange kGpus{.least = 1, .most = 1024, .example = 8};
  Cluster cluster{.name = table.text("name", "256 nodes of 8 H800"),
                  .gpu = table.text("gpu", "h800-sxm"),
                  .nodes = static_cast<int>(table.integer("nodes", kNodes)),
                  .gpus_per_node = static_cast<int>(table.integer("gpus_per_node", kGpus)),
                  .nvlink = read_link(table.table(
                      "nvlink", "nvlink = {bandwidth = \"200 GB/s\", latency = \"3.33 us\"}")),
                  .nic = read_link(table.table(
                      "nic", "nic = {bandwidth = \"400 Gbit/s\", latency = \"3.7 us\"}"))};
  mistakes.throw_if_any();
  return cluster;
}

}  // namespace towtank
