#include "sim/engine/collective_run.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/collective/by_rails.hpp"
#include "sim/engine/coarse_execute.hpp"
#include "sim/engine/execute.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/movement_graph.hpp"
#include "sim/graph/port_speeds.hpp"

namespace towtank {
namespace {

/// The groups' movements as the network lets them go, with the delay of each phase.
struct Prepared {
  std::vector<GroupMovement> groups;
  std::vector<std::vector<Seconds>> delays;  // (groups, phases)
};

std::vector<Seconds> delays_of(const Timing& timing) {
  std::vector<Seconds> delays;
  delays.reserve(timing.phases.size());
  for (const PhaseTiming& phase : timing.phases) {
    delays.push_back(phase.hops + phase.fill + (delays.empty() ? timing.start_up : Seconds()));
  }
  return delays;
}

/// Groups that cost the same are of one kind.
class Kinds {
 public:
  int number(const NetworkCost& cost, const std::vector<Seconds>& delays) {
    const auto next = static_cast<int>(known_.size());
    return known_.try_emplace({cost.nvlink, cost.nic, delays}, next).first->second;
  }

 private:
  std::map<std::tuple<double, double, std::vector<Seconds>>, int> known_;
};

Prepared prepare(const Cluster& cluster, std::span<const GroupCall> calls) {
  const PortSpeeds speeds = port_speeds(cluster);
  const bool rails = joins_rails_only(cluster);
  Prepared prepared;
  prepared.groups.reserve(calls.size());
  Kinds kinds;
  for (const GroupCall& call : calls) {
    GroupMovement& group = prepared.groups.emplace_back(
        GroupMovement{.members = call.members, .movement = call.movement});
    for (MovementPhase& phase : group.movement.phases) {
      phase = rails ? by_rails(std::move(phase), group.members) : std::move(phase);
    }
    prepared.delays.push_back(delays_of(alone(group.movement, group.members, call.cost, speeds)));
    group.kind = kinds.number(call.cost, prepared.delays.back());
  }
  return prepared;
}

/// Payload over what the protocol makes of each medium.
Workload cost(const MovementGraph& lowered,
              const Prepared& prepared,
              std::span<const GroupCall> calls) {
  Workload workload;
  workload.traffics.reserve(lowered.traffics.size());
  for (std::size_t i = 0; i < lowered.traffics.size(); ++i) {
    const auto group = static_cast<std::size_t>(lowered.traffics[i].group);
    const NetworkCost& costs = calls[group].cost;
    WireTraffic traffic{.delay = {}, .flows = {}};
    traffic.flows.reserve(lowered.graph.traffics[i].flows.size());
    if (lowered.traffics[i].is_host_copies) {
      for (const Flow& flow : lowered.graph.traffics[i].flows) {
        traffic.flows.push_back(flow.bytes);
      }
      workload.traffics.push_back(std::move(traffic));
      continue;
    }
    traffic.delay = prepared.delays[group][static_cast<std::size_t>(lowered.traffics[i].phase)];
    for (const Flow& flow : lowered.graph.traffics[i].flows) {
      traffic.flows.push_back(flow.bytes /
                              (flow.medium == Medium::kNvlink ? costs.nvlink : costs.nic));
    }
    workload.traffics.push_back(std::move(traffic));
  }
  return workload;
}

/// (wires) Whether phases' flows, or those of host copies, take them.
std::vector<bool> taken(const MovementGraph& lowered, bool by_host_copies) {
  std::vector<bool> result(lowered.graph.wires.size(), false);
  for (std::size_t i = 0; i < lowered.traffics.size(); ++i) {
    if (lowered.traffics[i].is_host_copies != by_host_copies) {
      continue;
    }
    for (const Flow& flow : lowered.graph.traffics[i].flows) {
      for (const Hop& hop : flow.hops) {
        result[static_cast<std::size_t>(hop.wire)] = true;
      }
    }
  }
  return result;
}

std::vector<WireLoad> loads(const MovementGraph& lowered, const std::vector<double>& carried) {
  const OpGraph& graph = lowered.graph;
  const std::vector<bool> collective = taken(lowered, false);
  const std::vector<bool> host_copies = taken(lowered, true);
  std::vector<WireLoad> result;
  for (std::size_t i = 0; i < graph.wires.size(); ++i) {
    const Wire& wire = graph.wires[i];
    if (carried[i] > 0.0) {
      result.push_back(
          {.name = wire.name,
           .gpu = wire.rank < 0 ? -1 : graph.ranks[static_cast<std::size_t>(wire.rank)].rank,
           .carried = Bytes(carried[i] / wire.parts),
           .capacity = wire.capacity / wire.parts,
           .members = wire.members,
           .collective = collective[i],
           .host_copies = host_copies[i]});
    }
  }
  return result;
}

template <typename Counts>
const WireLoad* fullest_of(const std::vector<WireLoad>& wires, Counts counts) {
  const WireLoad* fullest = nullptr;
  for (const WireLoad& wire : wires) {
    if (counts(wire) && (fullest == nullptr ||
                         wire.carried / wire.capacity > fullest->carried / fullest->capacity)) {
      fullest = &wire;
    }
  }
  return fullest;
}

}  // namespace

const WireLoad* fullest_wire(const CollectiveRun& run) {
  return fullest_of(run.wires, [](const WireLoad& wire) { return wire.collective; });
}

const WireLoad* fullest_port(const CollectiveRun& run) {
  return fullest_of(run.wires, [](const WireLoad& wire) {
    return wire.collective && (wire.gpu >= 0 || wire.name.starts_with("card "));
  });
}

double utilisation(const WireLoad& wire, const CollectiveRun& run) {
  const Seconds time = wire.host_copies ? std::max(run.time, run.copied) : run.time;
  return wire.carried / (wire.capacity * time);
}

CollectiveRun run_collectives(const Cluster& cluster,
                              FabricWires* fabric,
                              std::span<const GroupCall> calls,
                              Folding folding) {
  check((fabric != nullptr) == cluster.fabric.has_value(), "the fabric is the cluster's");
  const Prepared prepared = prepare(cluster, calls);
  const MovementGraph lowered = lower_movements(cluster, fabric, prepared.groups, folding);
  const Workload workload = cost(lowered, prepared, calls);
  const std::optional<double> grain =
      folding == Folding::kFolded ? grain_of(lowered.graph) : std::nullopt;
  const Execution execution =
      grain ? execute_coarsely(lowered.graph, workload, *grain) : execute(lowered.graph, workload);
  CollectiveRun run{.time = {},
                    .copied = {},
                    .latency = {},
                    .wires = loads(lowered, execution.carried),
                    .ranks = lowered.ranks,
                    .classes = static_cast<std::int64_t>(lowered.graph.ranks.size()),
                    .flows = execution.activities,
                    .grain = grain.value_or(0.0)};
  const GroupPhase* last = nullptr;
  for (const Completion& done : execution.completions) {
    const auto traffic = static_cast<std::size_t>(
        lowered.graph.dependencies[static_cast<Vertex>(done.vertex)].index);
    if (lowered.traffics[traffic].is_host_copies) {
      run.copied = Seconds(done.end);
    } else {
      run.time = Seconds(done.end);
      last = &lowered.traffics[traffic];
    }
  }
  if (last != nullptr) {
    for (const Seconds delay : prepared.delays[static_cast<std::size_t>(last->group)]) {
      run.latency += delay;
    }
  }
  return run;
}

}  // namespace towtank
