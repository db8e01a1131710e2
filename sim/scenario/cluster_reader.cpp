#include "sim/scenario/cluster_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/scenario/fabric_reader.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kMostNodes = std::int64_t{1} << 22U;
constexpr std::int64_t kMostGpusPerNode = 1024;

GpuLink read_link(TomlTable table) {
  const GpuLink link{.bandwidth = table.bandwidth("bandwidth"), .latency = table.time("latency")};
  table.finish();
  return link;
}

/// A GPU that is slower than the others, or that has less of a link.
GpuFault read_fault(TomlTable& table, const Cluster& cluster) {
  constexpr NumberRange kSlowdown = {.least = 1.0, .most = 1e6, .example = 1.2};
  constexpr NumberRange kLeft = {.least = 1e-6, .most = 1.0, .example = 0.5};
  const std::int64_t last = std::int64_t{cluster.nodes} * cluster.gpus_per_node - 1;
  GpuFault fault{
      .gpu = static_cast<int>(table.integer("gpu", {.least = 0, .most = last, .example = 17})),
      .slowdown = table.number_or("slowdown", 1.0, kSlowdown),
      .nvlink = table.number_or("nvlink", 1.0, kLeft),
      .nic = table.number_or("nic", 1.0, kLeft)};
  if (fault.slowdown == 1.0 && fault.nvlink == 1.0 && fault.nic == 1.0) {
    table.mistake(
        "gpu",
        fmt::format("'{}' does not say what is wrong with GPU {}", table.path(), fault.gpu),
        "slowdown = 1.2: its kernels take so much longer; nvlink = 0.5, nic = 0.5: the "
        "fraction of the bandwidth that is left");
  }
  table.finish();
  return fault;
}

std::vector<GpuFault> read_faults(TomlTable& cluster_table, const Cluster& cluster) {
  std::vector<GpuFault> faults;
  for (TomlTable& table : cluster_table.tables("fault")) {
    const GpuFault fault = read_fault(table, cluster);
    if (std::ranges::find(faults, fault.gpu, &GpuFault::gpu) != faults.end()) {
      table.mistake("gpu",
                    fmt::format("GPU {} has a fault already", fault.gpu),
                    "write all that is wrong with it into one [[cluster.fault]]");
      continue;
    }
    faults.push_back(fault);
  }
  return faults;
}

}  // namespace

Cluster read_cluster(TomlTable table, const std::string& scenario_path, Mistakes& mistakes) {
  Cluster cluster{.name = table.text("name", "256 nodes of 8 H800"),
                  .gpu = table.text("gpu", "h800-sxm"),
                  .nodes = static_cast<int>(
                      table.integer("nodes", {.least = 1, .most = kMostNodes, .example = 256})),
                  .gpus_per_node = static_cast<int>(table.integer(
                      "gpus_per_node", {.least = 1, .most = kMostGpusPerNode, .example = 8})),
                  .nvlink = read_link(table.table(
                      "nvlink", "nvlink = {bandwidth = \"200 GB/s\", latency = \"3.33 us\"}")),
                  .nic = read_link(table.table(
                      "nic", "nic = {bandwidth = \"400 Gbit/s\", latency = \"3.7 us\"}"))};
  cluster.faults = read_faults(table, cluster);
  if (auto fabric = table.optional_table("fabric")) {
    cluster.fabric = read_fabric(std::move(*fabric), scenario_path, mistakes);
  }
  table.finish();
  return cluster;
}

}  // namespace towtank
