#include "sim/collective/shapes.hpp"

#include <algorithm>

namespace towtank {
namespace {

std::size_t size_of_node(const NodeMembers& node) {
  return node.members.size();
}

}  // namespace

RailLayout::RailLayout(const std::vector<Member>& all)
    : members(static_cast<int>(all.size())), nodes(by_node(all)) {
  rail_count = rails(nodes);
  if (!even(nodes)) {
    keep_to_common_places(all);
  }
}

void RailLayout::keep_to_common_places(const std::vector<Member>& all) {
  const auto place = [&all](int member) { return all[static_cast<std::size_t>(member)].place; };
  const auto has = [&](const NodeMembers& node, int wanted) {
    return std::ranges::find(node.members, wanted, place) != node.members.end();
  };
  std::vector<int> common;
  for (const int member : std::ranges::min(nodes, {}, size_of_node).members) {
    const int wanted = place(member);
    if (std::ranges::all_of(nodes, [&](const NodeMembers& node) { return has(node, wanted); })) {
      common.push_back(wanted);
    }
  }
  if (static_cast<int>(common.size()) < rail_count) {
    return;
  }
  entries_.reserve(nodes.size());
  for (const NodeMembers& node : nodes) {
    std::vector<int>& entries = entries_.emplace_back();
    entries.reserve(common.size());
    for (const int wanted : common) {
      entries.push_back(*std::ranges::find(node.members, wanted, place));
    }
  }
}

int RailLayout::largest() const {
  std::size_t most = 0;
  for (const NodeMembers& node : nodes) {
    most = std::max(most, node.members.size());
  }
  return static_cast<int>(most);
}

int RailLayout::entry(int node, int rail) const {
  if (!entries_.empty()) {
    return entries_[static_cast<std::size_t>(node)][static_cast<std::size_t>(rail)];
  }
  const std::vector<int>& on_node = nodes[static_cast<std::size_t>(node)].members;
  const auto place =
      static_cast<std::size_t>(rail) * on_node.size() / static_cast<std::size_t>(rail_count);
  return on_node[place];
}

bool RailLayout::is_entry(int node, int place) const {
  const std::vector<int>& on_node = nodes[static_cast<std::size_t>(node)].members;
  for (int rail = 0; rail < rail_count; ++rail) {
    if (entry(node, rail) == on_node[static_cast<std::size_t>(place)]) {
      return true;
    }
  }
  return false;
}

namespace {

/// The rails' share of an edge of a node's cycle that ends at `place`: all but the rail, if any,
/// that enters there. On one node the ring closes: all of it.
double share_of_edge(const RailLayout& layout, int node, int place) {
  const bool left_out = layout.node_count() > 1 && layout.is_entry(node, place);
  return 1.0 - (left_out ? 1.0 / layout.rail_count : 0.0);
}

void add(MovementPhase& phase, int from, int to, Medium medium, Bytes bytes, int convoy = kWhole) {
  if (bytes > Bytes{}) {
    phase.deliveries.push_back(
        {.from = from, .to = to, .medium = medium, .bytes = bytes, .convoy = convoy});
  }
}

}  // namespace

void add_rings(const RailLayout& layout, Bytes bytes, MovementPhase& phase) {
  const int nodes = layout.node_count();
  for (int n = 0; n < nodes; ++n) {
    const std::vector<int>& on_node = layout.nodes[static_cast<std::size_t>(n)].members;
    for (std::size_t i = 0; on_node.size() > 1 && i < on_node.size(); ++i) {
      const std::size_t next = (i + 1) % on_node.size();
      const double share = share_of_edge(layout, n, static_cast<int>(next));
      add(phase, on_node[i], on_node[next], Medium::kNvlink, bytes * share);
    }
    for (int rail = 0; nodes > 1 && rail < layout.rail_count; ++rail) {
      add(phase,
          layout.entry(n, rail),
          layout.entry((n + 1) % nodes, rail),
          Medium::kNic,
          bytes / layout.rail_count);
    }
  }
}

void add_chains(const RailLayout& layout, Bytes bytes, bool up, MovementPhase& phase) {
  for (int n = 0; n < layout.node_count(); ++n) {
    const std::vector<int>& on_node = layout.nodes[static_cast<std::size_t>(n)].members;
    for (std::size_t i = 0; on_node.size() > 1 && i < on_node.size(); ++i) {
      const std::size_t next = (i + 1) % on_node.size();
      // A chain has an end on one node as well: each rail's own.
      const bool left_out = layout.is_entry(n, static_cast<int>(next));
      const double share = 1.0 - (left_out ? 1.0 / layout.rail_count : 0.0);
      const int from = up ? on_node[next] : on_node[i];
      const int to = up ? on_node[i] : on_node[next];
      add(phase, from, to, Medium::kNvlink, bytes * share);
    }
  }
}

void add_trees(const RailLayout& layout,
               const std::vector<Parents>& trees,
               Bytes bytes,
               MovementPhase& phase) {
  const Bytes each = bytes / layout.rail_count / static_cast<double>(trees.size());
  for (const Parents& tree : trees) {
    for (int n = 0; n < layout.node_count(); ++n) {
      const int parent = tree[static_cast<std::size_t>(n)];
      for (int rail = 0; parent >= 0 && rail < layout.rail_count; ++rail) {
        const int below = layout.entry(n, rail);
        const int above = layout.entry(parent, rail);
        add(phase, below, above, Medium::kNic, each);
        add(phase, above, below, Medium::kNic, each);
      }
    }
  }
}

void add_in_switch(const RailLayout& layout, Bytes bytes, InSwitch how, MovementPhase& phase) {
  int convoy = kFirstNode;
  const bool reduces = how != InSwitch::kCopy;
  const bool copies = how != InSwitch::kReduce;
  for (int n = 0; n < layout.node_count(); ++n) {
    const std::vector<int>& on_node = layout.nodes[static_cast<std::size_t>(n)].members;
    for (std::size_t i = 0; on_node.size() > 1 && i < on_node.size(); ++i) {
      const bool owns_part = layout.is_entry(n, static_cast<int>(i));
      const Bytes part = owns_part ? bytes / layout.rail_count : Bytes{};
      const Bytes up = (reduces ? bytes : Bytes{}) + (copies ? part : Bytes{});
      const Bytes down = (reduces ? part : Bytes{}) + (copies ? bytes : Bytes{});
      add(phase, on_node[i], kNodeSwitch, Medium::kNvlink, up, convoy);
      add(phase, kNodeSwitch, on_node[i], Medium::kNvlink, down, convoy);
    }
    convoy += on_node.size() > 1 ? 1 : 0;
  }
}

}  // namespace towtank
