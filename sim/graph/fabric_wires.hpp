// What ranks share of a cluster's fabric: the wires between the network cards, and which of them
// the traffic from one GPU to another crosses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/cluster/fabric.hpp"
#include "sim/cluster/router.hpp"

namespace towtank {

/// A wire of the fabric. Where adaptive routing spreads all traffic evenly over equal cables, they
/// are one wire: they are equally full at all times.
struct FabricWire {
  std::string name;  // "leaf up", "spine down", ...
  Bandwidth capacity;
};

/// How much of a flow crosses a wire, in units of which FabricWires::units() are the whole flow.
struct WireShare {
  int wire = 0;
  int units = 1;

  friend auto operator<=>(const WireShare&, const WireShare&) = default;
};

/// The way between two GPUs' cards.
struct FabricPath {
  std::vector<WireShare> shares;  // of the wires on it, ascending by wire
  Seconds latency;
};

class FabricWires {
 public:
  /// `cluster.fabric` is there; the cluster outlives this. Throws InputError as make_fabric(), and
  /// for what only `towtank topology` knows: several cards a GPU or GPUs a card, and faults that
  /// reach into nodes.
  explicit FabricWires(const Cluster& cluster);

  /// Wires crossed so far, in the order in which they were first crossed.
  const std::vector<FabricWire>& wires() const { return wires_; }

  int units() const { return units_; }

  /// What a GPU gets through to its card, in each direction: PCIe may be slower than the card.
  Bandwidth card_limit() const { return card_limit_; }

  /// What network traffic from one GPU to another crosses. Throws InputError when no way is left,
  /// when the way leads through a third GPU, and when adaptive routing divides the traffic into
  /// parts that are no multiple of a unit. The result is good until the next call.
  const FabricPath& between(int from_gpu, int to_gpu);

 private:
  using Key = std::uint64_t;

  void cross_tree(const Tree& tree, std::int64_t from, std::int64_t to);
  void cross_links(int from_card, int to_card);
  Seconds latency_of_climb(std::size_t crossed, int from_card, int to_card);
  int wire(Key key, const std::string& name, Bandwidth capacity);
  int card(int gpu) const;
  void check_way(int from_gpu, int to_gpu) const;
  void check_faults() const;
  Bandwidth find_card_limit() const;
  const Tree* even_tree(int card) const;

  const Cluster& cluster_;
  Fabric fabric_;
  Router router_;
  int units_ = 1;
  Bandwidth card_limit_;
  std::vector<FabricWire> wires_;
  std::unordered_map<Key, int> known_;
  FabricPath path_;                                  // found last
  std::map<std::size_t, Seconds> latency_of_climb_;  // of even trees: tiers climbed
};

}  // namespace towtank
