// What ranks share of a cluster's fabric: the wires between the network cards, cards that several
// GPUs use, and which of them the traffic from one GPU to another crosses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/base/vocabulary.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/cluster/fabric.hpp"
#include "sim/cluster/router.hpp"
#include "sim/graph/fabric_ports.hpp"
#include "sim/graph/flow_units.hpp"
#include "sim/graph/ports.hpp"
#include "sim/graph/tree_bundles.hpp"
#include "sim/graph/wire_keys.hpp"

namespace towtank {

/// A wire of the fabric. Where adaptive routing spreads all traffic evenly over equal cables, they
/// are one wire: they are equally full at all times.
struct FabricWire {
  std::string name;  // "leaf up", "spine down", "card out", "PCIe out", ...
  Bandwidth capacity;
  int cables = 1;
  /// Payload alone counts, without what the protocols of NVLink or of the cards waste.
  bool payload = false;

  /// Equal for wires of one name and capacity.
  std::uint64_t attribute() const;
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
  /// `cluster.fabric` is there; the cluster outlives this. Throws InputError as make_fabric() and
  /// FabricPorts.
  explicit FabricWires(const Cluster& cluster);

  /// Wires crossed so far, in the order in which they were first crossed.
  const std::vector<FabricWire>& wires() const { return wires_; }

  int units() const { return units_.units(); }

  /// From now on units get finer where traffic divides into parts that are no multiple of one: ask
  /// for all ways again until units() stays. Starts with the coarsest; before the first way.
  void let_units_grow();

  /// As FabricPorts.
  Bandwidth port(int gpu, Medium medium) const { return ports_.port(gpu, medium); }
  Bandwidth network_speed(int gpu) const { return ports_.network_speed(gpu); }
  Bandwidth card(int card) const { return ports_.card(card); }

  /// What network traffic from one GPU to another crosses. Throws InputError when no way is left,
  /// and when spreading divides the traffic into parts that are no multiple of a unit. The result
  /// is good until the next call.
  const FabricPath& between(int from_gpu, int to_gpu);

  /// What a stream crosses that the network's switches add up from all these GPUs, and copy back to
  /// all of them (SHARP): every wire of a tree of switches once in each direction, however many are
  /// behind it. The tree is that of the ways to the first GPU's switch; where adaptive routing
  /// spreads traffic evenly, so are trees. Ports are the caller's, and no latency is given. Throws
  /// InputError as between(), where the GPUs' own cards are not joined by the network alone or do
  /// not share the stream alike, and where a tier does not add. Good until the next call.
  const FabricPath& added_up(std::span<const int> gpus);

  /// What a copy between a GPU and its host's memory crosses: the GPU's PCIe link ("PCIe out"), and
  /// the uplink of its PCIe switch ("PCIe uplink out"). Out: to the host. Throws InputError where
  /// PCIe is not described. Good until the next call.
  const FabricPath& host_copy(int gpu, PortSide side);

 private:
  struct AddingTree;

  void begin_path();
  void follow(const CardWay& way, int from_gpu, int to_gpu);
  void pass_ports(const CardWay& way, int from_gpu, int to_gpu);
  void cross_tree(const Tree& tree, const CardWay& way);
  void cross_links(const CardWay& way, const std::vector<Crossing>& route);
  void cross_link(LinkId link, double share);
  void cross_card(int card, PortSide side, double share);
  void cross_pcie(int gpu_on_fabric, PortSide side, double share);
  void cross_end(int gpu_on_fabric, int card, PortSide side, double share);
  void add_share(int wire, double share);
  Seconds latency_of_climb(std::size_t crossed, const CardWay& way);
  int wire(WireKey key, const FabricWire& made);

  std::vector<AddingTree> adding_trees(std::span<const int> gpus) const;
  void cross_even_tree(const Tree& tree, const AddingTree& adding);
  void cross_chosen_tree(const AddingTree& adding);
  void check_tiers_add(int tiers) const;

  const Cluster& cluster_;
  Fabric fabric_;
  Router router_;
  FabricPorts ports_;
  TreeBundles bundles_;
  bool cards_are_wires_ = false;  // a card can be full although its GPU's port is not
  FlowUnits units_;
  std::vector<FabricWire> wires_;
  std::unordered_map<WireKey, int> known_;
  FabricPath path_;                                  // found last
  std::map<std::size_t, Seconds> latency_of_climb_;  // of even trees: tiers climbed
};

}  // namespace towtank
