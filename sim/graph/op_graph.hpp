// The operations of one training step: what runs on which stream of which rank, and what waits for
// what. It holds no times.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/graph/adjacency_list.hpp>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/model/op.hpp"
#include "sim/plan/software_stack.hpp"

namespace towtank {

/// A run of kernels on a compute stream that nothing else waits for: one activity.
struct Segment {
  std::string name;  // "attention forward", "experts weight", ...
  std::vector<Op> ops;
  bool shares_gpu = false;  // communication kernels hold some SMs meanwhile
  Seconds fixed = {};       // besides its kernels: when the GPU does nothing
};

/// Something that flows fill: one direction of a rank's port, or of a cable of the fabric. Folded,
/// a wire stands for all that carry the same.
struct Wire {
  std::string name;  // "nic out", "leaf to spine", ...
  Medium medium = Medium::kNic;
  int rank = -1;             // into OpGraph::ranks, whose port it is; -1: of the fabric
  Bandwidth capacity;        // of all parts
  std::int64_t members = 1;  // real wires that it stands for
  int parts = 1;             // shares of it that all of one flow takes
  int cables = 1;            // that a real wire is made of
  /// Payload alone fills it: what the protocols of other links on the way waste does not.
  bool payload = false;
};

/// How often a flow takes a share of a wire: the number of real flows like it that one real wire
/// carries.
struct Hop {
  int wire = 0;  // into OpGraph::wires
  int times = 1;

  friend auto operator<=>(const Hop&, const Hop&) = default;
};

/// `copies` equal transfers of `bytes` each from one rank to as many peers that behave alike.
/// Folded: `destination` stands for all those peers, and one simulated flow has the rate of each.
/// Unfolded: copies = 1 and every peer has its own flow.
struct Flow {
  int source = 0;       // rank index in OpGraph::ranks
  int destination = 0;  // likewise
  Medium medium = Medium::kNic;
  Bytes bytes;  // payload of one copy
  int copies = 1;
  /// All that a group moves at one pace, in equal parts of `bytes`; of these the rank itself sends
  /// `copies`. Source and destination are the rank.
  bool is_convoy = false;
  std::vector<Hop> hops = {};  // what it fills on its way; no wire twice
  Seconds latency = {};        // of its way, before the first byte arrives

  friend bool operator==(const Flow&, const Flow&) = default;
};

/// The groups of ranks that communicate.
enum class GroupKind {
  kPipeline,        // neighbouring stages
  kExperts,         // share the experts of a layer
  kContext,         // share a sequence
  kExpertReplicas,  // hold the same experts
  kDenseReplicas,   // hold the same of all other parameters
  kTensor,          // share every linear layer
  kExpertTensor,    // share every routed expert
};
inline constexpr int kGroupKinds = 7;

/// What a collective's algorithm and protocol cost besides the bytes that they move.
struct CollectiveCost {
  Seconds delay;        // before the first byte: start-up, hops, chunks on their way
  double nvlink = 1.0;  // payload per raw bandwidth of the port
  double nic = 1.0;     // likewise
  double error = 0.0;   // relative, at 90%

  friend auto operator<=>(const CollectiveCost&, const CollectiveCost&) = default;
};

/// The flows one rank starts in one communication; they start together, it ends with the last.
struct Traffic {
  std::string name;  // "dispatch forward", "pipeline forward", ...
  TransferKind kind = TransferKind::kDispatch;
  bool shares_gpu = false;  // compute kernels run beside it
  std::vector<Flow> flows;
  /// Another member of its rendezvous sends these flows, which are those of all members; this one
  /// waits for them.
  bool led_by_another = false;
  GroupKind group = GroupKind::kExperts;  // among which it is
  /// Where it is known; else a transfer costs what its kind costs on each link.
  std::optional<CollectiveCost> cost = {};
  std::string algorithm = {};  // and protocol of the collective, "ring simple"; empty: of no such

  friend bool operator==(const Traffic&, const Traffic&) = default;
};

/// One vertex of the graph.
struct Node {
  enum class Work { kSegment, kTraffic };
  Work work = Work::kSegment;
  int index = 0;  // into OpGraph::segments or OpGraph::traffics
  int rank = 0;   // into OpGraph::ranks
  StreamKind stream = StreamKind::kCompute;
  int slot = 0;  // into OpGraph::slots
  /// Nodes with the same non-negative rendezvous start together, when all of them are ready, and
  /// end together, with the last flow of any of them: one collective of several ranks of the graph.
  int rendezvous = -1;
};

/// A stretch of one rank's program, for reading the result by phase.
struct SlotLabel {
  int rank = 0;
  Phase phase = Phase::kForward;
  int stage = -1;             // of the (first) chunk; -1 for the optimizer
  int overlapped_stage = -1;  // of the backward chunk of an overlapped pair
  int micro_batch = -1;
};

/// An edge u -> v: v starts after u has ended.
using Dependencies = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, Node>;
using Vertex = boost::graph_traits<Dependencies>::vertex_descriptor;

/// A rank that is simulated, and how many ranks of the cluster it stands for.
struct SimulatedRank {
  int rank = 0;      // global rank in the job
  int pipeline = 0;  // its pipeline coordinate
  std::int64_t members = 1;
  double slowdown = 1.0;  // kernels take this much longer than on a sound GPU
};

struct OpGraph {
  SoftwareStack stack = {};  // that runs the kernels, of all ranks
  std::vector<SimulatedRank> ranks;
  std::vector<Wire> wires;  // the ports of each rank in turn (see ports.hpp), then the fabric's
  std::vector<Segment> segments;
  std::vector<Traffic> traffics;
  std::vector<SlotLabel> slots;
  Dependencies dependencies;
  /// Order of each stream: (rank, stream) -> vertices.
  std::vector<std::array<std::vector<Vertex>, kStreamKinds>> streams;
};

}  // namespace towtank
