#include "tools/network_report.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/collective/pair_bytes.hpp"
#include "sim/engine/collective_run.hpp"
#include "sim/graph/added_streams.hpp"
#include "sim/graph/port_speeds.hpp"
#include "tools/commands.hpp"

namespace towtank {
namespace {

/// "NIC out", "leaf up"
std::string wire_text(const std::string& wire) {
  if (wire.starts_with("nic ")) {
    return "NIC" + wire.substr(3);
  }
  return wire.starts_with("nvlink ") ? "NVLink" + wire.substr(6) : wire;
}

NetworkSimulation simulation_of(const CollectiveRun& run) {
  NetworkSimulation simulation{.latency = run.latency,
                               .alone = {},
                               .gpus = run.ranks,
                               .classes = run.classes,
                               .flows = run.flows,
                               .grain = run.grain};
  if (const WireLoad* const fullest = fullest_wire(run)) {
    simulation.wire = wire_text(fullest->name);
    simulation.gpu = fullest->gpu;
    simulation.alike = 0;
    for (const WireLoad& wire : run.wires) {
      const bool as_busy = utilisation(wire, run) > utilisation(*fullest, run) * 0.999;
      simulation.alike += as_busy && wire.name == fullest->name ? wire.members : 0;
    }
    simulation.busy = utilisation(*fullest, run);
  }
  return simulation;
}

/// What most of the time goes to: latency, or the busiest wire, with its GPU where it is the only
/// one.
std::string limit_of(const CollectiveRun& run, const NetworkSimulation& simulation) {
  if (run.latency > run.time / 2.0) {
    return "latency";
  }
  const bool only = simulation.gpu >= 0 && simulation.alike == 1 && simulation.gpus > 1;
  return only ? fmt::format("{} of GPU {}", simulation.wire, simulation.gpu) : simulation.wire;
}

std::vector<Member> members_of(Collective kind, std::vector<Member> group) {
  if (kind == Collective::kSendRecv) {
    return {group.front(), group.back()};
  }
  return group;
}

NetworkRow row_of(const CollectiveCall& call, const Choice& choice, Seconds time) {
  const Bandwidth rate = call.bytes / time;
  return {.bytes = call.bytes,
          .time = time,
          .error = choice.cost.error,
          .algorithm_bandwidth = rate,
          .bus_bandwidth = rate * bus_factor(call.kind, static_cast<int>(call.members.size())),
          .algorithm = std::string(name(choice.algorithm)),
          .protocol = std::string(name(choice.protocol)),
          .limit = std::string(name(choice.timing.limit()))};
}

void note_source(const NetworkCost& cost,
                 const Profile& profile,
                 std::vector<std::string>& sources) {
  for (const Source& source : profile.sources) {
    const bool noted = std::ranges::find(sources, source.text) != sources.end();
    if (source.key == cost.source && !noted) {
      sources.push_back(source.text);
    }
  }
}

int nodes_of(const std::vector<std::vector<Member>>& groups) {
  std::set<int> nodes;
  for (const std::vector<Member>& group : groups) {
    for (const Member& member : group) {
      nodes.insert(member.node);
    }
  }
  return static_cast<int>(nodes.size());
}

std::unique_ptr<FabricWires> fabric_of(const Cluster& cluster) {
  return cluster.fabric ? std::make_unique<FabricWires>(cluster) : nullptr;
}

/// Whether ports are not all that can be full: switches, faults, cards that are several or shared,
/// or that PCIe slows down.
bool something_contends(const Cluster& cluster, const PortSpeeds& speeds) {
  if (!cluster.faults.empty() || !cluster.fabric) {
    return !cluster.faults.empty();
  }
  const FabricSpec& fabric = *cluster.fabric;
  return fabric.kind != FabricKind::kNonblocking || !fabric.faults.empty() ||
         fabric.nics_per_gpu > 1 || fabric.gpus_per_nic > 1 || speeds.nic < cluster.nic.bandwidth;
}

/// What the cluster says and collectives do not feel.
std::vector<std::string> notes_on(const Cluster& cluster) {
  const auto slow = std::ranges::count_if(
      cluster.faults, [](const GpuFault& fault) { return fault.slowdown != 1.0; });
  if (slow == 0) {
    return {};
  }
  return {fmt::format(
      "the slowdown of {} {} has no effect here: it slows kernels in training steps, and what it "
      "does to collectives by themselves is not modelled",
      slow,
      slow == 1 ? "GPU" : "GPUs")};
}

void add_host_copies(Bytes bytes, Movement& movement) {
  if (bytes <= Bytes()) {
    return;
  }
  movement.host_copies.reserve(2 * static_cast<std::size_t>(movement.members));
  for (int member = 0; member < movement.members; ++member) {
    for (const bool to_host : {true, false}) {
      movement.host_copies.push_back({.member = member, .to_host = to_host, .bytes = bytes});
    }
  }
}

/// Answers the calls of one question.
class Answers {
 public:
  Answers(const Cluster& cluster, const Profile& profile, const NetworkQuestion& question)
      : cluster_(cluster),
        profile_(profile),
        question_(question),
        speeds_(port_speeds(cluster)),
        groups_(group_members(cluster, question.groups, question.ranks, question.stride)),
        simulated_(question.groups > 1 || question.folding == Folding::kUnfolded ||
                   question.host_copy > Bytes() || something_contends(cluster, speeds_)),
        fabric_(simulated_ ? fabric_of(cluster) : nullptr) {
    if (question.host_copy > Bytes() && fabric_ == nullptr) {
      throw InputError({.file = "cluster.fabric"},
                       "how GPUs reach the memory of their hosts is not described",
                       "cluster.fabric = {kind = \"nonblocking\", pcie = {generation = 5}}");
    }
  }

  NetworkReport report() {
    NetworkReport report{.cluster = cluster_.name,
                         .gpu = cluster_.gpu,
                         .groups = question_.groups,
                         .ranks = question_.ranks,
                         .stride = question_.stride,
                         .nodes = nodes_of(groups_),
                         .tables = {},
                         .sources = {},
                         .host_copy = question_.host_copy,
                         .notes = notes_on(cluster_)};
    for (const Collective kind : question_.collectives) {
      NetworkTable table{.collective = std::string(name(kind)), .rows = {}};
      table.rows.reserve(question_.sizes.size());
      for (const Bytes bytes : question_.sizes) {
        table.rows.push_back(row(kind, bytes));
      }
      report.tables.push_back(std::move(table));
    }
    report.sources = std::move(sources_);
    return report;
  }

 private:
  NetworkRow row(Collective kind, Bytes bytes) {
    CollectiveCall call{.kind = kind, .bytes = bytes, .members = members_of(kind, groups_.front())};
    const Choice first = choice(call, 0);
    if (!simulated_) {
      return row_of(call, first, first.timing.total());
    }
    std::vector<GroupCall> calls;
    calls.reserve(groups_.size());
    calls.push_back({.members = call.members, .movement = first.movement, .cost = first.cost});
    for (std::size_t group = 1; group < groups_.size(); ++group) {
      CollectiveCall other = call;
      other.members = members_of(kind, groups_[group]);
      Choice its = choice(other, group);
      calls.push_back({.members = std::move(other.members),
                       .movement = std::move(its.movement),
                       .cost = std::move(its.cost)});
    }
    for (GroupCall& each : calls) {
      add_host_copies(question_.host_copy, each.movement);
    }
    const CollectiveRun run = run_collectives(cluster_, fabric_.get(), calls, question_.folding);
    NetworkRow result = row_of(call, first, run.time);
    result.simulation = simulation_of(run);
    result.simulation->alone = first.timing.total();
    result.limit = limit_of(run, *result.simulation);
    return result;
  }

  /// Whether the fabric says that its switches add, and they can for this all-reduce.
  bool network_adds(const CollectiveCall& call, std::size_t group) {
    if (call.kind != Collective::kAllReduce || !cluster_.fabric ||
        cluster_.fabric->adding_tiers.value_or(0) == 0 ||
        !why_not(Algorithm::kInNetwork, call).empty()) {
      return false;
    }
    adds_.resize(groups_.size());
    if (!adds_[group]) {
      adds_[group] = fabric_ == nullptr ||
                     can_add_up(movement(Algorithm::kInNetwork, call), call.members, *fabric_);
    }
    return *adds_[group];
  }

  Choice choice(const CollectiveCall& call, std::size_t group) {
    Wishes wishes = question_.wishes;
    wishes.in_network = wishes.in_network || (!wishes.algorithm && network_adds(call, group));
    Chosen chosen = choose(call, profile_, speeds_, wishes);
    if (!chosen.choice) {
      throw UsageError("towtank network: " + std::string(name(call.kind)) + ": " + chosen.why_not,
                       "leave out --algorithm and --protocol to have them chosen");
    }
    note_source(chosen.choice->cost, profile_, sources_);
    return std::move(*chosen.choice);
  }

  const Cluster& cluster_;
  const Profile& profile_;
  const NetworkQuestion& question_;
  PortSpeeds speeds_;
  std::vector<std::vector<Member>> groups_;
  bool simulated_ = false;
  std::unique_ptr<FabricWires> fabric_;
  std::vector<std::optional<bool>> adds_;  // (groups) network_adds(), once known
  std::vector<std::string> sources_;
};

/// The protocol with which the pairs would be done soonest if nothing contended.
GroupCall pairs_call(std::vector<Member> members,
                     Movement moved,
                     const Cluster& cluster,
                     const Profile& profile,
                     const Wishes& wishes) {
  const PortSpeeds speeds = port_speeds(cluster);
  const NetworkCost* best = nullptr;
  Seconds soonest;
  for (const Protocol protocol : kProtocols) {
    const NetworkCost* const cost = find_cost(profile.network, Pattern::kPairs, protocol);
    if (cost == nullptr || (wishes.protocol && *wishes.protocol != protocol)) {
      continue;
    }
    const Seconds time = alone(moved, members, *cost, speeds).total();
    if (best == nullptr || time < soonest) {
      best = cost;
      soonest = time;
    }
  }
  if (best == nullptr) {
    throw UsageError("towtank network: the profile of " + profile.gpu.name +
                         " has no costs of pairs with this protocol",
                     "leave out --protocol to have it chosen");
  }
  return {.members = std::move(members), .movement = std::move(moved), .cost = *best};
}

/// "NIC out of GPU 3", "card out"
std::string port_text(const WireLoad& port) {
  return port.gpu < 0 ? wire_text(port.name)
                      : fmt::format("{} of GPU {}", wire_text(port.name), port.gpu);
}

}  // namespace

std::vector<std::vector<Member>> group_members(const Cluster& cluster,
                                               int groups,
                                               int ranks,
                                               int stride) {
  std::vector<std::vector<Member>> result(static_cast<std::size_t>(groups));
  for (int group = 0; group < groups; ++group) {
    const int first = group / stride * stride * ranks + group % stride;
    std::vector<Member>& members = result[static_cast<std::size_t>(group)];
    members.reserve(static_cast<std::size_t>(ranks));
    for (int i = 0; i < ranks; ++i) {
      const int gpu = first + i * stride;
      members.push_back(
          {.gpu = gpu, .node = gpu / cluster.gpus_per_node, .place = gpu % cluster.gpus_per_node});
    }
  }
  return result;
}

int gpus_spanned(int groups, int ranks, int stride) {
  const int whole = groups / stride * stride * ranks;  // blocks that are filled
  const int rest = groups % stride;
  return rest == 0 ? whole : whole + (ranks - 1) * stride + rest;
}

NetworkReport network_report(const Cluster& cluster,
                             const Profile& profile,
                             const NetworkQuestion& question) {
  return Answers(cluster, profile, question).report();
}

PairsReport pairs_report(const Cluster& cluster,
                         const Profile& profile,
                         const ByteMatrix& matrix,
                         const std::string& file,
                         const Wishes& wishes,
                         Folding folding) {
  const std::vector<std::vector<Member>> group = group_members(cluster, 1, matrix.size, 1);
  const PairMatrix pairs{.members = matrix.size, .bytes = matrix.bytes};
  const GroupCall call =
      pairs_call(group.front(), pair_movement(pairs, group.front()), cluster, profile, wishes);
  const std::unique_ptr<FabricWires> fabric = fabric_of(cluster);
  const CollectiveRun run = run_collectives(cluster, fabric.get(), {&call, 1}, folding);
  const MovementPhase& phase = call.movement.phases.front();
  const WireLoad* const fullest = fullest_port(run);
  if (fullest == nullptr) {
    throw BrokenClaim("a matrix that moves something fills some port");
  }
  const double payload = fullest->name.starts_with("nvlink ") ? call.cost.nvlink : call.cost.nic;
  PairsReport report{.cluster = cluster.name,
                     .gpu = cluster.gpu,
                     .ranks = matrix.size,
                     .nodes = nodes_of(group),
                     .file = file,
                     .pairs = static_cast<std::int64_t>(phase.deliveries.size()),
                     .bytes = pairs.total(),
                     .time = run.time,
                     .error = call.cost.error,
                     .protocol = std::string(name(call.cost.protocol)),
                     .limit = {},
                     .simulation = simulation_of(run),
                     .fullest_port = port_text(*fullest),
                     .fullest_bytes = fullest->carried * payload,
                     .bound = run.latency + fullest->carried / fullest->capacity,
                     .sources = {},
                     .notes = notes_on(cluster)};
  report.limit = limit_of(run, report.simulation);
  note_source(call.cost, profile, report.sources);
  return report;
}

}  // namespace towtank
