// What the user says about a cluster's wires: the inside of a node, the network between nodes, how
// it routes, and what is broken. The graph that follows from it is in fabric.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/units.hpp"
#include "sim/cluster/edge_list.hpp"
#include "sim/cluster/pcie.hpp"

namespace towtank {

/// How the nodes' network cards are joined.
enum class FabricKind {
  kNonblocking,    // one ideal switch with a port for every card
  kFatTree,        // plain fat tree: neighbouring cards share a leaf switch
  kRailOptimised,  // fat tree whose leaf switches each serve the cards of one index ("rail")
  kMultiPlane,     // a separate fat tree for each plane; planes are not connected
  kDragonfly,      // fully connected groups, every group linked to every other
  kSlimFly,        // McKay-Miller-Siran graph, diameter 2
  kTorus,          // grid whose lines are rings
  kCustom,         // edge list
};
inline constexpr int kFabricKinds = 8;

/// The inside of a node.
enum class NodeKind {
  kPlain,  // one ideal NVLink switch; each card sits at its GPU
  kHgx,    // 8 GPUs, 4 NVSwitches, a PCIe switch for every 2 GPUs and their cards
  kNvl72,  // 72 GPUs in 18 trays of 4, 9 NVSwitch trays, a host bridge for every 2 GPUs
};
inline constexpr int kNodeKinds = 3;

/// Which of several equally short paths a message takes.
enum class RoutingRule {
  kShortest,  // always the first, by port number
  kDModK,  // by the destination's number (Zahavi, "D-Mod-K routing providing non-blocking traffic
           // for shift permutations on real life fat trees", 2010)
  kEcmp,   // by a seeded hash of source, destination and hop
  kAdaptive,  // evenly over all of them
};
inline constexpr int kRoutingRules = 4;

/// How a rail-optimised or multi-plane network is crossed towards a GPU of another rail.
enum class CrossRail {
  kNvlinkLast,   // to the GPU of the sender's index in the receiver's node, then over NVLink
  kNvlinkFirst,  // over NVLink to the GPU of the receiver's index in the sender's node, then out
  kSpine,        // through the network to the receiver's own card; rail-optimised only
};
inline constexpr int kCrossRails = 3;

std::string_view name(FabricKind kind);
std::string_view name(NodeKind kind);
std::string_view name(RoutingRule rule);
std::string_view name(CrossRail way);

/// Dragonfly (Kim et al., 2008), in the paper's letters: every switch has p endpoints, a - 1 links
/// inside its group of a switches and h links to other groups. `groups` 0 means a h + 1, the most.
struct DragonflyShape {
  int endpoints = 16;  // p
  int switches = 32;   // a
  int global = 16;     // h
  int groups = 0;      // g
};

/// Slim Fly (Besta and Hoefler, 2014): 2 q^2 switches. `endpoints` a switch; 0 means half its links
/// to other switches, rounded up.
struct SlimFlyShape {
  int q = 5;
  int endpoints = 0;
};

/// One switch at every point of the grid, `endpoints` cards at each.
struct TorusShape {
  std::vector<int> sizes = {};
  int endpoints = 1;
};

/// What does not work as it should: a device (one name) or the links between two devices.
struct Fault {
  std::vector<std::string> devices = {};
  double factor = 0.0;  // of the bandwidth that is left; 0 has failed
  Place place = {};
};

/// Bandwidth in each direction and latency of a wire.
struct WireSpec {
  Bandwidth bandwidth = {};
  Seconds latency = {};
};

/// What the parts of the network cost, for 400 Gbit/s.
///
/// A switch's price by port: $36,000 for 64 ports, in both sizes of a public bill of materials of
/// H100 clusters (August 2024: 48 switches for 1,024 GPUs, 2,560 for 32,768). The prices of cables
/// with their transceivers, at a card and between switches, are then fitted (least squares of
/// relative misses) to the cost per endpoint of the five networks of arXiv 2505.09343, Table 3; the
/// largest miss is 1.0%.
struct NetworkPrices {
  Dollars switch_port{562.5};
  Dollars card_cable{739.0};
  Dollars switch_cable{1952.0};
  std::string source =
      "400 Gbit/s parts; switches: public H100 bill of materials, August 2024; cables: fitted to "
      "arXiv 2505.09343, Table 3";
};

struct FabricSpec {
  FabricKind kind = FabricKind::kNonblocking;
  NodeKind node = NodeKind::kPlain;
  int tiers = 2;   // of switches, at most: tiers that a small cluster does not need are left out
  int radix = 64;  // ports of a switch
  /// Down over up bandwidth of a leaf, and of a spine switch below a core; the last holds for all
  /// further tiers.
  std::vector<double> oversubscription = {1.0};
  int planes = 1;  // multi-plane: card i of a node is in plane i modulo planes
  int nics_per_gpu = 1;
  int gpus_per_nic = 1;  // one of the two is 1
  /// Between switches; without it as fast as a card.
  std::optional<Bandwidth> link_bandwidth = {};
  Seconds link_latency = {};    // of a cable at a card or between switches
  Seconds switch_latency = {};  // of crossing a leaf, spine or core switch
  WireSpec gpu_pcie = {};       // GPU to PCIe switch; bandwidth 0: what the kind of node has
  WireSpec nic_pcie = {};       // PCIe switch to card, likewise
  /// Instead of the two: makes PCIe links wires by themselves, with an uplink to the host.
  std::optional<PcieSpec> pcie = {};
  /// Tiers of switches, from the leaves up, that add what passes them (SHARP); without it, all of
  /// them do when the traffic asks for it.
  std::optional<int> adding_tiers = {};
  RoutingRule routing = RoutingRule::kAdaptive;
  std::uint64_t seed = 1;  // of ECMP
  CrossRail cross_rail = CrossRail::kNvlinkLast;
  DragonflyShape dragonfly = {};
  SlimFlyShape slim_fly = {};
  TorusShape torus = {};
  EdgeList edges = {};
  std::vector<Fault> faults = {};
  NetworkPrices prices = {};
  Place place = {};  // where the fabric was described, for messages
};

}  // namespace towtank
