#include "tools/group_report.hpp"

#include <string>

namespace towtank {
namespace {

std::string group_name(GroupKind kind) {
  switch (kind) {
    case GroupKind::kPipeline:
      return "pipeline";
    case GroupKind::kExperts:
      return "expert";
    case GroupKind::kContext:
      return "context";
    case GroupKind::kExpertReplicas:
      return "expert copies";
    case GroupKind::kTensor:
      return "tensor";
    case GroupKind::kExpertTensor:
      return "expert tensor";
    case GroupKind::kDenseReplicas:
      break;
  }
  return "dense copies";
}

/// "expert dispatch", "dense copies reduce-scatter"
std::string communication_name(const GroupTraffic& traffic) {
  if (traffic.transfer == TransferKind::kPointToPoint) {
    return group_name(traffic.group);
  }
  return group_name(traffic.group) + " " + std::string(name(traffic.transfer));
}

}  // namespace

GridReport grid_report(const TrainingPlan& plan, const Cluster& cluster) {
  return {.pipeline = plan.pipeline,
          .data = plan.data / plan.context,
          .context = plan.context,
          .tensor = plan.tensor,
          .expert_data = plan.positions() / (plan.expert * plan.expert_tensor),
          .expert = plan.expert,
          .ranks_per_node = cluster.gpus_per_node};
}

std::vector<GroupReport> group_reports(std::span<const GroupTraffic> traffics) {
  std::vector<GroupReport> reports;
  reports.reserve(traffics.size());
  for (const GroupTraffic& traffic : traffics) {
    reports.push_back({.name = communication_name(traffic),
                       .groups = traffic.among.groups,
                       .ranks = traffic.among.ranks,
                       .nodes = traffic.among.nodes,
                       .calls = traffic.calls,
                       .nvlink = traffic.mean.nvlink,
                       .nic = traffic.mean.nic,
                       .largest_nvlink = traffic.most.nvlink,
                       .largest_nic = traffic.most.nic,
                       .all_ranks = traffic.total.nvlink + traffic.total.nic,
                       .how = traffic.how});
  }
  return reports;
}

}  // namespace towtank
