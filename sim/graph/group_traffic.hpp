// What each kind of group of ranks moves in a step, read off the op graph that is simulated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// The groups of one kind in a job.
struct GroupSet {
  std::int64_t groups = 0;
  int ranks = 1;  // of each
  int nodes = 1;  // that each of them is on; the most, should they differ
};

/// Of a pipeline, all its stages are one group; replicas of several stages on the same ranks are
/// one as well.
GroupSet groups_of(const JobLayout& job, GroupKind kind);

/// Payload, without the overhead of protocols, by the port through which it leaves its sender.
struct PortBytes {
  Bytes nvlink;
  Bytes nic;
};

/// One kind of communication among one kind of group, in one step.
struct GroupTraffic {
  GroupKind group = GroupKind::kExperts;
  TransferKind transfer = TransferKind::kDispatch;
  GroupSet among;
  double calls = 0.0;    // that a rank sends something in; mean over all ranks of the job
  PortBytes mean = {};   // of what the ranks of the job send
  PortBytes most = {};   // that a rank sends
  PortBytes total = {};  // of all ranks
  std::string how = {};  // algorithms and protocols, "ring simple"; empty: not a collective's
};

/// What is sent at all, in the order of the groups' kinds. Folded or not makes no difference. The
/// graph is that of the job.
std::vector<GroupTraffic> group_traffic(const JobLayout& job, const OpGraph& graph);

}  // namespace towtank
