// What ranks share of a cluster's fabric: the wires between the network cards, cards that several
// GPUs use, and which of them the traffic from one GPU to another crosses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/cluster/fabric.hpp"
#include "sim/cluster/router.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {

/// A wire of the fabric. Where adaptive routing spreads all traffic evenly over equal cables, they
/// are one wire: they are equally full at all times.
struct FabricWire {
  std::string name;  // "leaf up", "spine down", "card out", ...
  Bandwidth capacity;
  int cables = 1;
};

/// How much of a flow crosses a wire, in units of which FabricWires::units() are the whole flow.
struct WireShare {
  int wire = 0;
  int units = 1;

  friend auto operator<=>(const WireShare&, const WireShare&) = default;
};

/// How much of a flow goes through a GPU's port.
struct PortShare {
  int gpu = 0;
  Medium medium = Medium::kNic;
  PortSide side = PortSide::kOut;
  int units = 1;
};

/// The way between two GPUs over the network.
struct FabricPath {
  std::vector<WireShare> shares;  // of the wires on it, ascending by wire
  /// The ports on it, where it does not lead straight from the sender's own cards to the
  /// receiver's: GPUs between them pass it on over NVLink. Each port once.
  std::vector<PortShare> ports;
  Seconds latency;
};

/// GPUs are numbered as the cluster's, wherever its nodes are on the fabric.
class FabricWires {
 public:
  /// `cluster.fabric` is there; the cluster outlives this. Throws InputError as make_fabric(), and
  /// for a failed link between a GPU and an NVLink switch.
  explicit FabricWires(const Cluster& cluster);

  /// Wires crossed so far, in the order in which they were first crossed.
  const std::vector<FabricWire>& wires() const { return wires_; }

  int units() const { return units_; }

  /// From now on units get finer where traffic divides into parts that are no multiple of one: ask
  /// for all ways again until units() stays. Starts with the coarsest; before the first way.
  void let_units_grow();

  /// A GPU's port of this medium, in each direction: all its cards together as far as PCIe lets
  /// them work, and what faults leave. A port of which faults leave nothing carries nothing either:
  /// it is given as it would be without them.
  Bandwidth port(int gpu, Medium medium) const;

  /// A card's cable, or its PCIe link below a PCIe switch where that is narrower. Cards are
  /// numbered node by node of the fabric.
  Bandwidth card(int card) const;

  /// What network traffic from one GPU to another crosses. Throws InputError when no way is left,
  /// and when spreading divides the traffic into parts that are no multiple of a unit. The result
  /// is good until the next call.
  const FabricPath& between(int from_gpu, int to_gpu);

 private:
  using Key = std::uint64_t;

  int on_fabric(int gpu) const;
  int of_cluster(int gpu_on_fabric) const;
  void check_faults() const;
  void note_slow_cables();
  int units_of_a_flow() const;
  Bandwidth network_port(int gpu) const;
  Bandwidth nvlink_port(int gpu) const;

  void follow(const CardWay& way, int from_gpu, int to_gpu);
  void pass_ports(const CardWay& way, int from_gpu, int to_gpu);
  void cross_tree(const Tree& tree, const CardWay& way);
  void cross_links(const CardWay& way, const std::vector<Crossing>& route);
  void cross_card(int card, PortSide side, double share);
  void add_share(int wire, double share);
  int units_of(double share);
  Seconds latency_of_climb(std::size_t crossed, const CardWay& way);
  int wire(Key key, const std::string& name, Bandwidth capacity, int cables);
  const Tree* even_tree(int card) const;

  const Cluster& cluster_;
  Fabric fabric_;
  Router router_;
  std::vector<int> cluster_node_;     // of each of the fabric's; -1: not the cluster's
  std::map<int, double> nic_faults_;  // of GPUs: fraction of the network port that is left
  std::map<int, double> nvlink_faults_;
  bool uneven_ = false;  // no even trees, or failures in some: cables carry unequally much
  /// Of the cables that join a subtree of a tree to what is above it, the health of the worst.
  std::map<Key, double> worst_cable_;
  bool cards_are_wires_ = false;  // a card can be full although its GPU's port is not
  int units_ = 1;
  bool units_grow_ = false;
  std::vector<FabricWire> wires_;
  std::unordered_map<Key, int> known_;
  FabricPath path_;                                  // found last
  std::map<std::size_t, Seconds> latency_of_climb_;  // of even trees: tiers climbed
};

}  // namespace towtank
