#include "sim/plan/mesh.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

Mesh::Mesh(const TrainingPlan& plan, int gpus_per_node)
    : pipeline_(plan.pipeline),
      positions_(plan.positions()),
      tensor_(plan.tensor),
      context_(plan.context),
      expert_(plan.expert),
      expert_tensor_(plan.expert_tensor),
      gpus_per_node_(gpus_per_node) {
  check(positions_ % (plan.expert * plan.expert_tensor) == 0,
        "expert-parallel groups fill the ranks of a stage");
  check(plan.data % plan.context == 0, "context groups fill the data ranks");
}

std::vector<int> Mesh::tensor_group(int rank) const {
  return run(rank, tensor_, 1);
}

std::vector<int> Mesh::context_group(int rank) const {
  return run(rank, context_, tensor_);
}

std::vector<int> Mesh::expert_tensor_group(int rank) const {
  return run(rank, expert_tensor_, 1);
}

std::vector<int> Mesh::expert_group(int rank) const {
  return run(rank, expert_, expert_tensor_);
}

std::vector<int> Mesh::dense_replicas(const std::vector<int>& hosts, int rank) const {
  return every(hosts, rank, tensor_);
}

std::vector<int> Mesh::expert_replicas(const std::vector<int>& hosts, int rank) const {
  return every(hosts, rank, expert_ * expert_tensor_);
}

/// `count` ranks at a distance of `stride`, one of them `rank`: of a block of count * stride.
std::vector<int> Mesh::run(int rank, int count, int stride) const {
  std::vector<int> group;
  group.reserve(static_cast<std::size_t>(count));
  const int first = rank - position(rank) % (count * stride) + position(rank) % stride;
  for (int place = 0; place < count; ++place) {
    group.push_back(first + place * stride);
  }
  return group;
}

/// All ranks of `hosts` whose positions differ from that of `rank` by whole strides.
std::vector<int> Mesh::every(const std::vector<int>& hosts, int rank_with_these, int stride) const {
  std::vector<int> group;
  group.reserve(hosts.size() * static_cast<std::size_t>(positions_ / stride));
  for (const int host : hosts) {
    for (int place = position(rank_with_these) % stride; place < positions_; place += stride) {
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
