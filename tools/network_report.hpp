// Collectives of a cluster, size by size: from a question to a report.
#pragma once

#include <string>
#include <vector>

#include "reports/network_report.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/collective/choose.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/byte_matrix.hpp"

namespace towtank {

struct NetworkQuestion {
  std::vector<Collective> collectives;
  int ranks = 0;  // of a group; send-recv: the first of them to the last
  std::vector<Bytes> sizes;
  Wishes wishes;
  int groups = 1;
  int stride = 1;  // between the GPUs of a group; groups in between take the others
  Folding folding = Folding::kFolded;
  Bytes host_copy = {};  // that every GPU meanwhile copies to its host's memory, and back
};

/// The GPUs of each group: from the cluster's first on, node by node.
std::vector<std::vector<Member>> group_members(const Cluster& cluster,
                                               int groups,
                                               int ranks,
                                               int stride);

/// GPUs from the first to the last of all groups.
int gpus_spanned(int groups, int ranks, int stride);

/// Every collective at every size, in all groups at once. By the closed form where nothing contends
/// (one group, a non-blocking network, a card of its own for every GPU, no faults, folded),
/// otherwise simulated. Host copies begin with the call, whose time does not wait for their end.
/// Algorithm and protocol are chosen as on an idle network of sound links, as NCCL's tuner does;
/// switches that the fabric says add are considered where they can add what these GPUs send.
/// InputError where the cluster's PCIe is not described. UsageError,
/// naming the reason, when a forced algorithm or protocol cannot run one of them or the profile
/// does not know its costs.
NetworkReport network_report(const Cluster& cluster,
                             const Profile& profile,
                             const NetworkQuestion& question);

/// Every pair of the cluster's first GPUs at once, simulated. UsageError as above.
PairsReport pairs_report(const Cluster& cluster,
                         const Profile& profile,
                         const ByteMatrix& matrix,
                         const std::string& file,
                         const Wishes& wishes,
                         Folding folding = Folding::kFolded);

}  // namespace towtank
