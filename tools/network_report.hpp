// Collectives of a cluster, size by size: from a question to a report.
#pragma once

#include <vector>

#include "reports/network_report.hpp"
#include "sim/cluster/cluster.hpp"
#include "sim/collective/choose.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

struct NetworkQuestion {
  std::vector<Collective> collectives;
  int ranks = 0;  // the first GPUs of the cluster, node by node; send-recv: the first to the last
  std::vector<Bytes> sizes;
  Wishes wishes;
};

/// Every collective at every size, alone on an idle network. UsageError, naming the reason, when a
/// forced algorithm or protocol cannot run one of them or the profile does not know its costs.
NetworkReport network_report(const Cluster& cluster,
                             const Profile& profile,
                             const NetworkQuestion& question);

}  // namespace towtank
