// The wires of a cluster as a graph: GPUs, the switches inside nodes, network cards, the switches
// between nodes; one directed edge for each direction of a link.
//
// Vertices are numbered in blocks of one kind. GPU g of the cluster (numbered node by node) is
// vertex g. A vertex's edges are in the order of its ports, so that routers find them by
// arithmetic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/graph/compressed_sparse_row_graph.hpp>

#include "sim/base/units.hpp"
#include "sim/cluster/fabric_spec.hpp"

namespace towtank {

enum class DeviceKind { kGpu, kNvSwitch, kPcieSwitch, kNic, kLeaf, kSpine, kCore };
inline constexpr int kDeviceKinds = 7;
std::string_view name(DeviceKind kind);

using DeviceId = std::uint32_t;  // a vertex
using LinkId = std::int32_t;     // one direction of a link: an edge, counted over all vertices

/// What links of one type are like. A failed link has no bandwidth.
struct LinkType {
  Bandwidth bandwidth = {};  // each direction, all cables together
  Seconds latency = {};
  int cables = 1;       // that carry the traffic evenly between them
  double health = 1.0;  // of the bandwidth a sound link of this kind has

  friend bool operator==(const LinkType&, const LinkType&) = default;
};

/// What the graph stores for each edge: the index of its type.
struct LinkTag {
  std::uint16_t type = 0;
};

using Wires = boost::compressed_sparse_row_graph<boost::directedS,
                                                 boost::no_property,
                                                 LinkTag,
                                                 boost::no_property,
                                                 std::uint32_t,
                                                 std::uint32_t>;

/// Devices of one kind with consecutive numbers. `plane` is -1 where there are no planes.
struct DeviceBlock {
  DeviceKind kind = DeviceKind::kGpu;
  int plane = -1;
  DeviceId first = 0;
  DeviceId count = 0;
};

/// How many GPUs in how many nodes, and the ports each GPU owns.
struct FabricSize {
  int nodes = 1;
  int gpus_per_node = 1;
  WireSpec nvlink = {};  // of a GPU, over all NVLink switches of its node
  WireSpec nic = {};     // of a card; the latency is the cards' own and not part of the fabric's
  int idle = 0;          // GPUs at the end of the last node that pass no traffic on
};

/// The inside of every node, and where its devices are among the vertices.
struct NodeLayout {
  int nodes = 0;
  int gpus = 0;  // a node, as all counts here
  int nvswitches = 0;
  int pcie_switches = 0;  // 0: cards sit directly at their GPUs
  int gpus_per_pcie = 1;
  int nics = 0;
  int nics_per_gpu = 1;
  int gpus_per_nic = 1;
  DeviceId first_nvswitch = 0;
  DeviceId first_pcie = 0;
  DeviceId first_nic = 0;
};

/// A fat tree, in the terms of parallel-ports generalised fat trees (Zahavi, 2010): a switch of
/// tier i has `children[i]` children and every child `parents[i]` parents with `cables[i]` cables
/// to each. Tier 0 are the switches that endpoints (cards) hang on.
struct Tree {
  int plane = -1;
  std::int64_t slots = 0;  // endpoints there is room for below the leaves that are there
  std::vector<int> children;
  std::vector<int> parents;
  std::vector<int> cables;
  std::vector<DeviceId> first;      // switch of each tier
  std::vector<std::int64_t> below;  // slots below one switch of each tier
  std::vector<int> copies;          // switches of each tier above the same slots
  bool has_failures = false;        // a link between switches of this tree has failed

  int tiers() const { return static_cast<int>(first.size()); }
};

/// Fat trees, one or one a plane.
struct TreeNetwork {
  std::vector<Tree> trees;
};

/// Switches joined in any other way, consecutive from `first_switch`.
struct GraphNetwork {
  DeviceId first_switch = 0;
  DeviceId switches = 0;
  std::vector<std::string> names = {};  // of an edge list's switches
};

struct Fabric {
  FabricSpec spec;
  FabricSize size;
  NodeLayout node;
  std::vector<DeviceBlock> blocks;
  std::vector<LinkType> types;
  Wires wires;
  std::variant<TreeNetwork, GraphNetwork> network;
  std::vector<LinkId> downlinks;        // of each card: from its switch to it; -1: not connected
  std::vector<std::int32_t> endpoints;  // of each card: its number in its tree or network
  bool has_failures = false;

  int gpus() const { return node.nodes * node.gpus; }
  int links() const { return static_cast<int>(num_edges(wires)); }
  DeviceId devices() const { return static_cast<DeviceId>(num_vertices(wires)); }

  const LinkType& link(LinkId id) const { return types[wires[edge(id)].type]; }
  LinkTag& tag(LinkId id) { return wires[edge(id)]; }
  DeviceId head(LinkId id) const { return target(edge(id), wires); }
  DeviceId tail(LinkId id) const;  // by bisection
  /// The device's links out of it are first_link(d) + 0, 1, ... ports(d) - 1.
  LinkId first_link(DeviceId device) const;
  int ports(DeviceId device) const { return static_cast<int>(out_degree(device, wires)); }
  DeviceKind kind(DeviceId device) const { return block_of(device).kind; }
  const DeviceBlock& block_of(DeviceId device) const;

 private:
  static Wires::edge_descriptor edge(LinkId id) {
    return {0, static_cast<std::uint32_t>(id)};  // the source is of no account for what is asked
  }
};

/// A GPU's, card's or switch's name, as faults spell it: "node3.gpu0", "node3.nic2",
/// "node3.nvswitch1", "node3.pcie0", "leaf7", "spine2", "core5", "plane1.leaf7"; switches of an
/// edge list have their own.
std::string device_name(const Fabric& fabric, DeviceId device);

/// The device of a name. Throws InputError at `place` with the names there are.
DeviceId find_device(const Fabric& fabric, std::string_view name, const Place& place);

/// Builds the fabric with its faults. Throws InputError at the places of `spec` when the cluster
/// does not fit what it describes.
Fabric make_fabric(const FabricSpec& spec, const FabricSize& size);

}  // namespace towtank
