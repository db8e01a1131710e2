#include "sim/plan/mesh.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

Mesh::Mesh(const TrainingPlan& plan, int gpus_per_node)
    : pipeline_(plan.pipeline),
      data_(plan.data),
      expert_(plan.expert),
      context_(plan.context),
      gpus_per_node_(gpus_per_node) {
  check(plan.data % plan.expert == 0, "expert-parallel groups fill the data ranks");
  check(plan.data % plan.context == 0, "context groups fill the data ranks");
}

std::vector<int> Mesh::expert_group(int rank) const {
  std::vector<int> group;
  const int first = rank - position(rank) % expert_;
  for (int member = first; member < first + expert_; ++member) {
    group.push_back(member);
  }
  return group;
}

std::vector<int> Mesh::context_group(int rank) const {
  std::vector<int> group;
  const int first = rank - position(rank) % context_;
  for (int member = first; member < first + context_; ++member) {
    group.push_back(member);
  }
  return group;
}

std::vector<int> Mesh::dense_replicas(const std::vector<int>& hosts) const {
  std::vector<int> group;
  for (const int host : hosts) {
    for (int place = 0; place < data_; ++place) {
      group.push_back(rank(host, place));
    }
  }
  return group;
}

std::vector<int> Mesh::expert_replicas(const std::vector<int>& hosts, int rank_with_experts) const {
  std::vector<int> group;
  for (const int host : hosts) {
    for (int place = position(rank_with_experts) % expert_; place < data_; place += expert_) {
      group.push_back(rank(host, place));
    }
  }
  return group;
}

int GroupShape::size() const {
  return even() ? local * nodes : std::accumulate(uneven.begin(), uneven.end(), 0);
}

std::vector<int> GroupShape::of_nodes() const {
  return even() ? std::vector<int>(static_cast<std::size_t>(nodes), local) : uneven;
}

GroupShape group_shape(const Mesh& mesh, const std::vector<int>& group) {
  check(!group.empty() && std::ranges::is_sorted(group), "a group's members ascend");
  std::vector<int> members;  // of each node
  int node = -1;
  for (const int rank : group) {
    if (mesh.node(rank) != node) {
      node = mesh.node(rank);
      members.push_back(0);
    }
    ++members.back();
  }
  const auto [fewest, most] = std::ranges::minmax(members);
  GroupShape shape{.local = most, .nodes = static_cast<int>(members.size())};
  if (fewest != most) {
    shape.uneven = std::move(members);
  }
  return shape;
}

std::vector<int> hosts_of_stage(const Schedule& schedule, int stage) {
  std::vector<int> hosts;
  hosts.reserve(static_cast<std::size_t>(schedule.directions));
  for (int direction = 0; direction < schedule.directions; ++direction) {
    hosts.push_back(rank_of(schedule, stage, direction));
  }
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  return hosts;
}

}  // namespace towtank
