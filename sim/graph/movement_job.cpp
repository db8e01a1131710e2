#include "sim/graph/movement_job.hpp"

#include "sim/base/error.hpp"

namespace towtank {

MovementJob::MovementJob(const Cluster& cluster,
                         FabricWires* fabric,
                         std::span<const GroupMovement> groups)
    : cluster_(cluster),
      fabric_(fabric),
      groups_(groups),
      ranks_(static_cast<std::size_t>(cluster.gpus()), -1) {
  first_rank_.reserve(groups.size());
  convoys_.reserve(groups.size());
  for (const GroupMovement& group : groups) {
    first_rank_.push_back(ranks());
    for (const Member& member : group.members) {
      check(member.gpu >= 0 && member.gpu < cluster.gpus(), "members are GPUs of the cluster");
      const int next = ranks();
      check(rank_of_gpu(member.gpu) == next, "no GPU is in two groups");
    }
    std::vector<std::vector<Convoy>>& of_group = convoys_.emplace_back();
    of_group.reserve(group.movement.phases.size());
    for (const MovementPhase& phase : group.movement.phases) {
      of_group.push_back(towtank::convoys(phase));
    }
  }
}

std::vector<int> MovementJob::gpus_of(std::size_t group, const std::vector<int>& members) const {
  std::vector<int> result;
  result.reserve(members.size());
  for (const int member : members) {
    result.push_back(gpu(rank(group, member)));
  }
  return result;
}

int MovementJob::rank_of_gpu(int gpu) {
  int& rank = ranks_[static_cast<std::size_t>(gpu)];
  if (rank < 0) {
    rank = ranks();
    gpus_.push_back(gpu);
  }
  return rank;
}

}  // namespace towtank
