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
constexpr std::int64_t kMostGpus = std::int64_t{1} << 22U;

GpuLink read_link(TomlTable table) {
  const GpuLink link{.bandwidth = table.bandwidth("bandwidth"), .latency = table.time("latency")};
  table.finish();
  return link;
}

GpuLink read_nvlink(TomlTable table) {
  const GpuLink link{.bandwidth = table.bandwidth("bandwidth"),
                     .latency = table.time("latency"),
                     .links = static_cast<int>(
                         table.integer_or("links", 0, {.least = 1, .most = 1024, .example = 18}))};
  table.finish();
  return link;
}

/// Traffic is spread evenly over a GPU's NVLinks, whichever switches they lead to: what is left of
/// its port is the fraction of them that works.
double nvlinks_left(TomlTable& table, const GpuLink& nvlink) {
  const auto failed =
      static_cast<int>(table.integer("nvlinks_failed", {.least = 1, .most = 1023, .example = 1}));
  if (table.has("nvlink")) {
    table.mistake("nvlinks_failed",
                  fmt::format("'{}' says twice how much NVLink is left", table.path()),
                  "nvlinks_failed = 1, or nvlink = 0.5");
    return 1.0;
  }
  if (nvlink.links == 0) {
    table.mistake("nvlinks_failed",
                  "it is not known how many NVLinks a GPU has",
                  "cluster.nvlink.links = 18, as an H100 has");
    return 1.0;
  }
  if (failed >= nvlink.links) {
    table.mistake("nvlinks_failed",
                  fmt::format("a GPU has {} NVLinks, and one of them must work", nvlink.links),
                  fmt::format("nvlinks_failed = {} or less", nvlink.links - 1));
    return 1.0;
  }
  return static_cast<double>(nvlink.links - failed) / nvlink.links;
}

/// A GPU that is slower than the others, or that has less of a link.
GpuFault read_fault(TomlTable& table, const Cluster& cluster) {
  constexpr NumberRange kSlowdown = {.least = 1.0, .most = 1e6, .example = 1.2};
  constexpr NumberRange kLeft = {.least = 1e-6, .most = 1.0, .example = 0.5};
  const std::int64_t last = std::int64_t{cluster.nodes} * cluster.gpus_per_node - cluster.idle - 1;
  GpuFault fault{
      .gpu = static_cast<int>(table.integer("gpu", {.least = 0, .most = last, .example = 17})),
      .slowdown = table.number_or("slowdown", 1.0, kSlowdown),
      .nvlink = table.number_or("nvlink", 1.0, kLeft),
      .nic = table.number_or("nic", 1.0, kLeft)};
  if (table.has("nvlinks_failed")) {
    fault.nvlink = nvlinks_left(table, cluster.nvlink);
  } else if (fault.slowdown == 1.0 && fault.nvlink == 1.0 && fault.nic == 1.0) {
    table.mistake(
        "gpu",
        fmt::format("'{}' does not say what is wrong with GPU {}", table.path(), fault.gpu),
        "slowdown = 1.2: its kernels take so much longer; nvlink = 0.5, nic = 0.5: the "
        "fraction of the bandwidth that is left; nvlinks_failed = 1");
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

/// Nodes, and what of the last one is idle: `nodes` full ones, or as many as `gpus` take up.
void read_size(TomlTable& table, Cluster& cluster) {
  constexpr IntegerRange kNodes = {.least = 1, .most = kMostNodes, .example = 256};
  if (!table.has("gpus")) {
    cluster.nodes = static_cast<int>(table.integer("nodes", kNodes));
    return;
  }
  const std::int64_t gpus = table.integer("gpus", {.least = 1, .most = kMostGpus, .example = 2044});
  const std::int64_t of_node = std::max(cluster.gpus_per_node, 1);
  const std::int64_t nodes = (gpus + of_node - 1) / of_node;
  if (table.has("nodes") && table.integer("nodes", kNodes) != nodes && table.sound("nodes") &&
      table.sound("gpus") && table.sound("gpus_per_node")) {
    table.mistake("gpus",
                  fmt::format("{} {} on {} {} of {}, not on {}",
                              gpus,
                              gpus == 1 ? "GPU is" : "GPUs are",
                              nodes,
                              nodes == 1 ? "node" : "nodes",
                              of_node,
                              table.integer("nodes", kNodes)),
                  fmt::format("nodes = {}, or only one of the two", nodes));
  }
  cluster.nodes = static_cast<int>(nodes);
  cluster.idle = static_cast<int>(nodes * of_node - gpus);
}

}  // namespace

Cluster read_cluster(TomlTable table, const std::string& scenario_path, Mistakes& mistakes) {
  Cluster cluster{.name = table.text("name", "256 nodes of 8 H800"),
                  .gpu = table.text("gpu", "h800-sxm"),
                  .gpus_per_node = static_cast<int>(table.integer(
                      "gpus_per_node", {.least = 1, .most = kMostGpusPerNode, .example = 8})),
                  .nvlink = read_nvlink(table.table(
                      "nvlink", "nvlink = {bandwidth = \"200 GB/s\", latency = \"3.33 us\"}")),
                  .nic = read_link(table.table(
                      "nic", "nic = {bandwidth = \"400 Gbit/s\", latency = \"3.7 us\"}"))};
  read_size(table, cluster);
  cluster.faults = read_faults(table, cluster);
  if (auto fabric = table.optional_table("fabric")) {
    cluster.fabric = read_fabric(std::move(*fabric), scenario_path, mistakes);
  }
  table.finish();
  return cluster;
}

}  // namespace towtank
