#include "sim/collective/algorithms.hpp"

#include <algorithm>

#include "sim/base/error.hpp"
#include "sim/collective/halving_doubling.hpp"
#include "sim/collective/shapes.hpp"

namespace towtank {
namespace {

bool reduces_or_gathers(Collective kind) {
  return kind == Collective::kAllReduce || kind == Collective::kAllGather ||
         kind == Collective::kReduceScatter;
}

/// Bytes on every stretch of the rings; and how often the data go round.
Bytes ring_bytes(const CollectiveCall& call) {
  return call.bytes * bus_factor(call.kind, static_cast<int>(call.members.size()));
}

/// Hops once around the members, to the last of them.
Hops around(const RailLayout& layout) {
  const int nic = layout.node_count() - 1;
  return {.nvlink = layout.size() - 1 - nic, .nic = nic};
}

Hops twice(Hops hops) {
  return {.nvlink = 2 * hops.nvlink, .nic = 2 * hops.nic};
}

MovementPhase ring(const CollectiveCall& call, const RailLayout& layout) {
  MovementPhase phase;
  add_rings(layout, ring_bytes(call), phase);
  phase.hops = around(layout);
  if (call.kind == Collective::kAllReduce) {
    phase.hops = twice(phase.hops);
  }
  // A broadcast ends before the stretch that would come back to its root, a reduce begins after it.
  if (call.kind == Collective::kBroadcast || call.kind == Collective::kReduce) {
    std::erase_if(phase.deliveries, [&call](const Delivery& delivery) {
      return (call.kind == Collective::kBroadcast ? delivery.to : delivery.from) == call.root;
    });
  }
  return phase;
}

MovementPhase tree(const CollectiveCall& call,
                   const RailLayout& layout,
                   const std::vector<Parents>& trees) {
  MovementPhase phase;
  add_chains(layout, call.bytes, true, phase);
  add_chains(layout, call.bytes, false, phase);
  add_trees(layout, trees, call.bytes, phase);
  phase.hops = twice({.nvlink = layout.largest() - 1, .nic = depth(trees.front())});
  return phase;
}

InSwitch in_switch_work(Collective kind) {
  if (kind == Collective::kAllReduce) {
    return InSwitch::kReduceAndCopy;
  }
  return kind == Collective::kReduceScatter ? InSwitch::kReduce : InSwitch::kCopy;
}

/// Every member owns a part of the data; the parts pass the switch one after another.
MovementPhase in_switch(const CollectiveCall& call, const RailLayout& layout) {
  MovementPhase phase;
  add_in_switch(layout, call.bytes, in_switch_work(call.kind), phase);
  phase.hops.nvlink = layout.largest();
  return phase;
}

MovementPhase in_switch_tree(const CollectiveCall& call, const RailLayout& layout) {
  const std::vector<Parents> trees = double_tree(layout.node_count());
  MovementPhase phase = in_switch(call, layout);
  add_trees(layout, trees, call.bytes, phase);
  phase.hops.nic = 2 * depth(trees.front());
  return phase;
}

MovementPhase in_network(const CollectiveCall& call, const RailLayout& layout) {
  MovementPhase phase = in_switch(call, layout);
  const Bytes each = call.bytes / layout.rail_count;
  for (int node = 0; node < layout.node_count(); ++node) {
    for (int rail = 0; rail < layout.rail_count; ++rail) {
      const int member = layout.entry(node, rail);
      phase.deliveries.push_back({.from = member,
                                  .to = network_switch(rail),
                                  .medium = Medium::kNic,
                                  .bytes = each,
                                  .convoy = kWhole});
      phase.deliveries.push_back({.from = network_switch(rail),
                                  .to = member,
                                  .medium = Medium::kNic,
                                  .bytes = each,
                                  .convoy = kWhole});
    }
  }
  phase.hops.nic = 2;
  return phase;
}

/// Rings inside every node, all nodes at the same time.
MovementPhase local_rings(const RailLayout& layout, Bytes bytes) {
  MovementPhase phase;
  int convoy = kFirstNode;
  for (const NodeMembers& node : layout.nodes) {
    const std::vector<int>& on_node = node.members;
    for (std::size_t i = 0; i < on_node.size(); ++i) {
      phase.deliveries.push_back(
          {.from = on_node[i],
           .to = on_node[(i + 1) % on_node.size()],
           .medium = Medium::kNvlink,
           .bytes = bytes * bus_factor(Collective::kAllGather, static_cast<int>(on_node.size())),
           .convoy = convoy});
    }
    ++convoy;
  }
  phase.hops.nvlink = layout.largest() - 1;
  return phase;
}

/// Rings of the members of equal place, `bytes` on every stretch.
MovementPhase rail_rings(const RailLayout& layout, Bytes bytes, int rounds) {
  MovementPhase phase;
  const int nodes = layout.node_count();
  for (int node = 0; node < nodes; ++node) {
    for (int rail = 0; rail < layout.rail_count; ++rail) {
      phase.deliveries.push_back({.from = layout.entry(node, rail),
                                  .to = layout.entry((node + 1) % nodes, rail),
                                  .medium = Medium::kNic,
                                  .bytes = bytes,
                                  .convoy = rail});
    }
  }
  phase.hops.nic = rounds * (nodes - 1);
  return phase;
}

/// All-to-all: over NVLink to the local member on the receiver's rail, over the network to it.
MovementPhase two_level_all_to_all(const CollectiveCall& call, const RailLayout& layout) {
  const Bytes pair = call.bytes / layout.size();
  const int remote_nodes = layout.node_count() - 1;
  MovementPhase phase;
  for (const NodeMembers& node : layout.nodes) {
    phase.exchanges.push_back({.members = node.members,
                               .medium = Medium::kNvlink,
                               .bytes = pair * static_cast<double>(1 + remote_nodes)});
  }
  for (int rail = 0; rail < layout.rail_count; ++rail) {
    Exchange between{.members = {},
                     .medium = Medium::kNic,
                     .bytes = pair * static_cast<double>(layout.rail_count)};
    between.members.reserve(layout.nodes.size());
    for (int node = 0; node < layout.node_count(); ++node) {
      between.members.push_back(layout.entry(node, rail));
    }
    phase.exchanges.push_back(std::move(between));
  }
  phase.hops = {.nvlink = 1, .nic = 1};
  return phase;
}

std::vector<MovementPhase> hierarchical(const CollectiveCall& call, const RailLayout& layout) {
  if (call.kind == Collective::kAllToAll) {
    return {two_level_all_to_all(call, layout)};
  }
  const int rounds = call.kind == Collective::kAllReduce ? 2 : 1;
  const Bytes on_rail = call.bytes / layout.rail_count * bus_factor(call.kind, layout.node_count());
  const MovementPhase inside = local_rings(layout, call.bytes);
  const MovementPhase between = rail_rings(layout, on_rail, rounds);
  if (call.kind == Collective::kAllReduce) {
    return {inside, between, inside};
  }
  if (call.kind == Collective::kAllGather) {
    return {between, inside};
  }
  return {inside, between};
}

/// The first member to the second.
MovementPhase send_recv(const CollectiveCall& call, const RailLayout& layout) {
  const bool local = layout.node_count() == 1;
  MovementPhase phase;
  phase.deliveries.push_back(
      {.from = 0, .to = 1, .medium = local ? Medium::kNvlink : Medium::kNic, .bytes = call.bytes});
  phase.hops = local ? Hops{.nvlink = 1, .nic = 0} : Hops{.nvlink = 0, .nic = 1};
  return phase;
}

MovementPhase direct(const CollectiveCall& call, const RailLayout& layout) {
  if (call.kind == Collective::kSendRecv) {
    return send_recv(call, layout);
  }
  const Bytes pair = call.bytes / layout.size();
  MovementPhase phase;
  Exchange far{
      .members = {}, .reach = Exchange::Reach::kOtherNodes, .medium = Medium::kNic, .bytes = pair};
  far.members.reserve(call.members.size());
  for (const NodeMembers& node : layout.nodes) {
    far.members.insert(far.members.end(), node.members.begin(), node.members.end());
    if (node.members.size() > 1) {
      phase.exchanges.push_back(
          {.members = node.members, .medium = Medium::kNvlink, .bytes = pair});
      phase.hops.nvlink = 1;
    }
  }
  if (layout.node_count() > 1) {
    phase.exchanges.push_back(std::move(far));
    phase.hops.nic = 1;
  }
  return phase;
}

std::vector<MovementPhase> phases(Algorithm algorithm,
                                  const CollectiveCall& call,
                                  const RailLayout& layout) {
  switch (algorithm) {
    case Algorithm::kRing:
      return {ring(call, layout)};
    case Algorithm::kTree:
      return {tree(call, layout, {binary_tree(layout.node_count())})};
    case Algorithm::kDoubleTree:
      return {tree(call, layout, double_tree(layout.node_count()))};
    case Algorithm::kHalvingDoubling:
      return halving_doubling(call).phases;
    case Algorithm::kInSwitch:
      return {in_switch(call, layout)};
    case Algorithm::kInSwitchTree:
      return {in_switch_tree(call, layout)};
    case Algorithm::kInNetwork:
      return {in_network(call, layout)};
    case Algorithm::kHierarchical:
      return hierarchical(call, layout);
    case Algorithm::kDirect:
      break;
  }
  return {direct(call, layout)};
}

/// Why the kind of collective does not fit the algorithm.
std::string why_not_this_kind(Algorithm algorithm, Collective kind) {
  const std::string both = std::string(name(algorithm)) + " does no " + std::string(name(kind));
  switch (algorithm) {
    case Algorithm::kRing:
      return kind == Collective::kAllToAll || kind == Collective::kSendRecv ? both : "";
    case Algorithm::kTree:
    case Algorithm::kDoubleTree:
    case Algorithm::kInSwitchTree:
    case Algorithm::kInNetwork:
      return kind == Collective::kAllReduce ? "" : both;
    case Algorithm::kHalvingDoubling:
    case Algorithm::kInSwitch:
      return reduces_or_gathers(kind) ? "" : both;
    case Algorithm::kHierarchical:
      return reduces_or_gathers(kind) || kind == Collective::kAllToAll ? "" : both;
    case Algorithm::kDirect:
      break;
  }
  return kind == Collective::kAllToAll || kind == Collective::kSendRecv ? "" : both;
}

/// Why the members do not sit as the algorithm needs them.
std::string why_not_these_nodes(Algorithm algorithm, Collective kind, const RailLayout& layout) {
  const int nodes = layout.node_count();
  switch (algorithm) {
    case Algorithm::kInSwitch:
      if (nodes == 1) {
        return "";
      }
      return std::string("in-switch stays within one node") +
             (kind == Collective::kAllReduce ? "; between nodes: in-switch-tree" : "");
    case Algorithm::kTree:
    case Algorithm::kDoubleTree:
    case Algorithm::kRing:
    case Algorithm::kHalvingDoubling:
    case Algorithm::kDirect:
      return "";
    case Algorithm::kInSwitchTree:
    case Algorithm::kInNetwork:
      if (layout.rail_count < 2) {
        return std::string(name(algorithm)) + " needs two members or more on every node";
      }
      break;
    case Algorithm::kHierarchical:
      if (!even(layout.nodes)) {
        return "hierarchical needs as many members on every node as on the others";
      }
      if (layout.rail_count < 2) {
        return "hierarchical needs two members or more on every node";
      }
      break;
  }
  return nodes > 1 ? "" : std::string(name(algorithm)) + " needs two nodes or more";
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  constexpr std::array<std::string_view, kAlgorithms.size()> kNames = {"ring",
                                                                       "tree",
                                                                       "double-tree",
                                                                       "halving-doubling",
                                                                       "in-switch",
                                                                       "in-switch-tree",
                                                                       "in-network",
                                                                       "hierarchical",
                                                                       "direct"};
  return kNames[static_cast<std::size_t>(algorithm)];
}

std::string why_not(Algorithm algorithm, const CollectiveCall& call) {
  std::string kind = why_not_this_kind(algorithm, call.kind);
  if (!kind.empty()) {
    return kind;
  }
  if (call.kind == Collective::kSendRecv && call.members.size() != 2) {
    return "send-recv has two members";
  }
  return why_not_these_nodes(algorithm, call.kind, RailLayout(call.members));
}

Movement movement(Algorithm algorithm, const CollectiveCall& call) {
  const std::string reason = why_not(algorithm, call);
  check(reason.empty(), reason);
  Movement moved{.members = static_cast<int>(call.members.size()), .phases = {}};
  if (call.members.size() > 1 && call.bytes > Bytes{}) {
    moved.phases = phases(algorithm, call, RailLayout(call.members));
  }
  return moved;
}

std::string why_not_by_rails(const std::vector<Member>& members) {
  return even(by_node(members))
             ? ""
             : "exchanging by rails needs as many members on every node as on the others";
}

Movement expert_exchange(const std::vector<Member>& members, const ExpertBytes& bytes) {
  const std::string reason = why_not_by_rails(members);
  check(reason.empty(), reason);
  const RailLayout layout(members);
  MovementPhase phase;
  if (layout.rail_count > 1) {
    for (const NodeMembers& node : layout.nodes) {
      phase.exchanges.push_back(
          {.members = node.members, .medium = Medium::kNvlink, .bytes = bytes.to_local_peer});
    }
    phase.hops.nvlink = 1;
  }
  for (int rail = 0; layout.node_count() > 1 && rail < layout.rail_count; ++rail) {
    Exchange between{.members = {}, .medium = Medium::kNic, .bytes = bytes.to_remote_node};
    for (int node = 0; node < layout.node_count(); ++node) {
      between.members.push_back(layout.entry(node, rail));
    }
    phase.exchanges.push_back(std::move(between));
    phase.hops.nic = 1;
  }
  return {.members = layout.size(), .phases = {std::move(phase)}};
}

}  // namespace towtank
