// Ranks, groups and neighbours of the rank grid.
#include "sim/plan/mesh.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr int kGpusPerNode = 8;

TrainingPlan plan_of(int pipeline, int data, int expert, int context) {
  TrainingPlan plan;
  plan.pipeline = pipeline;
  plan.data = data;
  plan.expert = expert;
  plan.context = context;
  return plan;
}

const std::vector<TrainingPlan>& plans() {
  static const std::vector<TrainingPlan> kPlans = {plan_of(1, 1, 1, 1),
                                                   plan_of(2, 8, 4, 2),
                                                   plan_of(4, 32, 16, 1),
                                                   plan_of(3, 16, 1, 16),
                                                   plan_of(2, 24, 8, 4),
                                                   plan_of(16, 128, 64, 8)};
  return kPlans;
}

/// Every rank is in the group of each of its members, and the groups cover the ranks.
template <typename Group>
void expect_partition(const Mesh& mesh, std::size_t size, Group group) {
  std::set<std::vector<int>> groups;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    const std::vector<int> members = group(rank);
    EXPECT_EQ(members.size(), size);
    EXPECT_TRUE(std::ranges::is_sorted(members));
    EXPECT_TRUE(std::ranges::binary_search(members, rank));
    groups.insert(members);
  }
  EXPECT_EQ(groups.size() * size, static_cast<std::size_t>(mesh.ranks()));
}

TEST(Mesh, NumbersEveryRankOnce) {
  for (const TrainingPlan& plan : plans()) {
    const Mesh mesh(plan, kGpusPerNode);
    int next = 0;
    for (int pipeline = 0; pipeline < plan.pipeline; ++pipeline) {
      for (int position = 0; position < plan.data; ++position) {
        const int rank = mesh.rank(pipeline, position);
        EXPECT_EQ(rank, next++);
        EXPECT_EQ(mesh.pipeline(rank), pipeline);
        EXPECT_EQ(mesh.position(rank), position);
      }
    }
    EXPECT_EQ(mesh.ranks(), next);
  }
}

TEST(Mesh, GroupsPartitionTheRanks) {
  for (const TrainingPlan& plan : plans()) {
    const Mesh mesh(plan, kGpusPerNode);
    const auto size = [](int ranks) { return static_cast<std::size_t>(ranks); };
    expect_partition(mesh, size(plan.expert), [&](int rank) { return mesh.expert_group(rank); });
    expect_partition(mesh, size(plan.context), [&](int rank) { return mesh.context_group(rank); });
    expect_partition(mesh, size(plan.data), [&](int rank) {
      return mesh.dense_replicas({mesh.pipeline(rank)}, rank);
    });
    expect_partition(mesh, size(plan.data / plan.expert), [&](int rank) {
      return mesh.expert_replicas({mesh.pipeline(rank)}, rank);
    });
  }
}

// An expert-parallel group holds all experts once; replicas hold the same ones.
TEST(Mesh, ExpertGroupAndReplicasMeetInOneRankOnly) {
  for (const TrainingPlan& plan : plans()) {
    const Mesh mesh(plan, kGpusPerNode);
    for (int rank = 0; rank < mesh.ranks(); ++rank) {
      const std::vector<int> group = mesh.expert_group(rank);
      const std::vector<int> replicas = mesh.expert_replicas({mesh.pipeline(rank)}, rank);
      std::vector<int> both;
      std::ranges::set_intersection(group, replicas, std::back_inserter(both));
      EXPECT_EQ(both, std::vector<int>{rank});
    }
  }
}

TEST(Mesh, NeighboursShareNodesBeforeAnythingElse) {
  for (const TrainingPlan& plan : plans()) {
    const Mesh mesh(plan, kGpusPerNode);
    for (int rank = 0; rank < mesh.ranks(); ++rank) {
      EXPECT_EQ(mesh.node(rank), rank / kGpusPerNode);
    }
  }
  const Mesh deepseek(plan_of(16, 128, 64, 1), kGpusPerNode);
  const GroupShape experts = group_shape(deepseek, deepseek.expert_group(100));
  EXPECT_EQ(experts.local, 8);
  EXPECT_EQ(experts.nodes, 8);
  const Mesh small(plan_of(4, 8, 4, 2), kGpusPerNode);
  const GroupShape one_node = group_shape(small, small.expert_group(5));
  EXPECT_EQ(one_node.local, 4);
  EXPECT_EQ(one_node.nodes, 1);
}

TEST(GroupShape, CountsEveryMember) {
  for (const TrainingPlan& plan : plans()) {
    const Mesh mesh(plan, kGpusPerNode);
    for (int rank = 0; rank < mesh.ranks(); ++rank) {
      EXPECT_EQ(group_shape(mesh, mesh.expert_group(rank)).size(), plan.expert);
    }
  }
}

TEST(GroupShape, SaysHowManyMembersEachNodeHasWhereTheyDiffer) {
  const Mesh mesh(plan_of(1, 24, 1, 1), kGpusPerNode);
  const GroupShape shape = group_shape(mesh, {0, 1, 8, 16, 17, 18});
  EXPECT_FALSE(shape.even());
  EXPECT_EQ(shape.nodes, 3);
  EXPECT_EQ(shape.local, 3);
  EXPECT_EQ(shape.size(), 6);
  EXPECT_EQ(shape.of_nodes(), (std::vector<int>{2, 1, 3}));
  EXPECT_EQ(shape.on(1), 1);
  const GroupShape even = group_shape(mesh, {6, 7, 8, 9});
  EXPECT_TRUE(even.even());
  EXPECT_EQ(even.of_nodes(), (std::vector<int>{2, 2}));
  EXPECT_THROW(group_shape(mesh, {1, 0}), BrokenClaim);
}

TEST(Mesh, RefusesGroupsThatDoNotFillTheDataRanks) {
  EXPECT_THROW(Mesh(plan_of(1, 8, 3, 1), kGpusPerNode), BrokenClaim);
  EXPECT_THROW(Mesh(plan_of(1, 8, 1, 3), kGpusPerNode), BrokenClaim);
}

Schedule schedule(ScheduleKind kind, int ranks) {
  return make_schedule(kind, {.ranks = ranks, .micro_batches = 4 * ranks, .interleave = 1});
}

TEST(DualPipeReplicas, AreTwoMirroredPipelineRanks) {
  const Schedule dualpipe = schedule(ScheduleKind::kDualPipe, 16);
  for (int stage = 0; stage < 16; ++stage) {
    const std::vector<int> mirrored = {std::min(stage, 15 - stage), std::max(stage, 15 - stage)};
    EXPECT_EQ(hosts_of_stage(dualpipe, stage), mirrored);
  }
  const Mesh mesh(plan_of(16, 128, 64, 1), kGpusPerNode);
  const std::vector<int> hosts = hosts_of_stage(dualpipe, 3);
  EXPECT_EQ(mesh.dense_replicas(hosts, 0).size(), 2u * 128u);
  EXPECT_EQ(
      mesh.expert_replicas(hosts, mesh.rank(3, 70)),
      (std::vector<int>{mesh.rank(3, 6), mesh.rank(3, 70), mesh.rank(12, 6), mesh.rank(12, 70)}));
}

TEST(OneDirectionReplicas, AreOnePipelineRank) {
  for (const ScheduleKind kind :
       {ScheduleKind::kGpipe, ScheduleKind::k1F1B, ScheduleKind::kZb1p, ScheduleKind::kDualPipeV}) {
    const Schedule made = schedule(kind, 4);
    for (int stage = 0; stage < made.stages; ++stage) {
      EXPECT_EQ(hosts_of_stage(made, stage), std::vector<int>{rank_of(made, stage, 0)});
    }
  }
}

}  // namespace
}  // namespace towtank
