#include "sim/scenario/neighbour_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/cluster/placement.hpp"
#include "sim/scenario/document.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExampleNodes = "nodes = \"0-255\", \"0-511:2\" or \"0-99, 300, 310-319\"";

/// Nothing when the text is wrong, which is recorded.
std::optional<std::vector<int>> read_nodes(TomlTable& table,
                                           const std::string& text,
                                           const Cluster& whole) {
  if (!table.sound("nodes") || whole.nodes < 1) {
    return std::nullopt;
  }
  NodeList list = parse_nodes(text, whole.nodes);
  if (!list.problem.empty()) {
    table.mistake(
        "nodes", fmt::format("'{}.nodes': {}", table.path(), list.problem), kExampleNodes);
    return std::nullopt;
  }
  const auto partly = std::ranges::find(list.nodes, whole.idle > 0 ? whole.nodes - 1 : -1);
  if (partly != list.nodes.end() && partly + 1 != list.nodes.end()) {
    table.mistake("nodes",
                  fmt::format("'{}.nodes': of node {} only {} GPUs are in use, and nodes follow it",
                              table.path(),
                              *partly,
                              whole.gpus_per_node - whole.idle),
                  fmt::format("node {} is the last of a job, or has none", *partly));
    return std::nullopt;
  }
  return std::move(list.nodes);
}

/// The neighbour's own scenario, read like any other; nothing when it cannot be.
std::optional<Scenario> read_other(TomlTable& table,
                                   const std::string& scenario_path,
                                   Mistakes& mistakes) {
  const std::string spelt = table.text("scenario", "deepseek-v3-h800.toml");
  if (spelt.empty() || !table.sound("scenario")) {
    return std::nullopt;
  }
  const std::string& file = table.place("scenario").file;
  std::error_code error;
  const fs::path beside = fs::is_regular_file(file, error) ? file : scenario_path;
  const fs::path path = (beside.parent_path() / spelt).lexically_normal();
  if (!fs::is_regular_file(path, error)) {
    table.mistake("scenario",
                  fmt::format("there is no scenario {}", shown(path.string())),
                  "it is sought from the directory of the file that names it");
    return std::nullopt;
  }
  try {
    Mistakes of_other;
    std::vector<Diagnostic> unheard;
    const TomlNode document = read_scenario_document(path.string(), {}, of_other, unheard);
    if (find_member(document, "neighbour") != nullptr) {
      table.mistake("scenario",
                    "a neighbour with neighbours of its own",
                    "name all jobs on the cluster in one scenario");
      return std::nullopt;
    }
    return read_scenario(path.string(), {});
  } catch (const InputError& mistake) {
    mistakes.add(mistake, table.path() + ".scenario");
    return std::nullopt;
  }
}

/// Whether the other job can run on this cluster's nodes beside this job.
void check_fit(TomlTable& table,
               const Scenario& other,
               const Scenario& scenario,
               const std::vector<int>& nodes) {
  const Cluster& whole = scenario.whole_cluster;
  if (other.cluster.gpu != whole.gpu || other.cluster.gpus_per_node != whole.gpus_per_node) {
    table.mistake("scenario",
                  fmt::format("its plan is for nodes of {} {}, the cluster's have {} {}",
                              other.cluster.gpus_per_node,
                              other.cluster.gpu,
                              whole.gpus_per_node,
                              whole.gpu));
  } else if (other.cluster.idle > 0) {
    table.mistake("scenario",
                  fmt::format("its plan leaves {} GPUs of its last node idle; jobs side by side "
                              "fill their nodes",
                              other.cluster.idle));
  } else if (other.cluster.nodes != static_cast<int>(nodes.size())) {
    table.mistake(
        "nodes",
        fmt::format("{} nodes for a plan that fills {}", nodes.size(), other.cluster.nodes),
        "as many nodes as the neighbour's own cluster has");
  } else if (other.plan.communication_sms != scenario.plan.communication_sms) {
    table.mistake("scenario",
                  fmt::format("its plan.communication_sms = {}, this scenario's is {}",
                              other.plan.communication_sms,
                              scenario.plan.communication_sms),
                  "jobs are simulated together with one number of them");
  }
}

std::optional<NeighbourJob> read_neighbour(TomlTable& table,
                                           const Scenario& scenario,
                                           const std::string& scenario_path,
                                           std::vector<bool>& taken,
                                           Mistakes& mistakes) {
  std::optional<Scenario> other = read_other(table, scenario_path, mistakes);
  const std::optional<std::vector<int>> nodes =
      read_nodes(table, table.text("nodes", "256-511"), scenario.whole_cluster);
  table.finish();
  for (const int node : nodes.value_or(std::vector<int>())) {
    if (taken[static_cast<std::size_t>(node)]) {
      table.mistake("nodes",
                    fmt::format("node {} has another job already", node),
                    "plan.nodes are those of this scenario's own");
      return std::nullopt;
    }
    taken[static_cast<std::size_t>(node)] = true;
  }
  if (!other || !nodes) {
    return std::nullopt;
  }
  check_fit(table, *other, scenario, *nodes);
  return NeighbourJob{.name = other->name,
                      .model = std::move(other->model),
                      .plan = std::move(other->plan),
                      .nodes = *nodes};
}

}  // namespace

std::vector<int> read_job_nodes(TomlTable& plan, const Cluster& whole) {
  if (plan.has("nodes")) {
    const auto nodes = read_nodes(plan, plan.text("nodes", "0-255"), whole);
    if (nodes) {
      return *nodes;
    }
  }
  std::vector<int> all(static_cast<std::size_t>(whole.nodes));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<NeighbourJob> read_neighbours(TomlTable& root,
                                          const Scenario& scenario,
                                          const std::string& scenario_path,
                                          Mistakes& mistakes) {
  std::vector<NeighbourJob> neighbours;
  std::vector<bool> taken(static_cast<std::size_t>(scenario.whole_cluster.nodes), false);
  for (const int node : scenario.nodes) {
    taken[static_cast<std::size_t>(node)] = true;
  }
  for (TomlTable& table : root.tables("neighbour")) {
    if (!scenario.whole_cluster.fabric) {
      table.mistake("scenario",
                    "jobs share no wires on a cluster whose network never blocks",
                    "describe the network: [cluster.fabric] with kind = \"fat-tree\"");
    }
    if (scenario.whole_cluster.idle > 0) {
      table.mistake(
          "scenario",
          fmt::format("jobs side by side fill their nodes; of the cluster's last one {} "
                      "GPUs are idle",
                      scenario.whole_cluster.idle),
          fmt::format("cluster.nodes = {} instead of cluster.gpus", scenario.whole_cluster.nodes));
    }
    auto neighbour = read_neighbour(table, scenario, scenario_path, taken, mistakes);
    if (neighbour) {
      neighbours.push_back(std::move(*neighbour));
    }
  }
  return neighbours;
}

}  // namespace towtank
