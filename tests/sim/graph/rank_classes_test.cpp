// Which ranks behave alike, against definitions that are slow and plain.
#include "sim/graph/rank_classes.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

RankRelations relations_of(const SmallStep& step) {
  return training_relations(Mesh(step.plan, step.cluster.gpus_per_node), step.schedule());
}

using Multiset = std::multiset<std::pair<int, std::multiset<int>>>;

/// What a rank sees of a partition: labels with the classes of single neighbours, and labels with
/// the classes of whole groups.
struct View {
  std::multiset<std::pair<int, int>> neighbours;
  Multiset groups;

  friend bool operator==(const View&, const View&) = default;
};

View view(const RankRelations& relations, int rank, const std::vector<int>& class_of) {
  View seen;
  for (const auto& [label, neighbour] : relations.neighbours[at(rank)]) {
    seen.neighbours.emplace(label, class_of[at(neighbour)]);
  }
  for (const auto& [label, group] : relations.memberships[at(rank)]) {
    std::multiset<int> members;
    for (const int member : relations.groups[at(group)]) {
      members.insert(class_of[at(member)]);
    }
    seen.groups.emplace(label, members);
  }
  return seen;
}

void expect_equitable(const RankRelations& relations, const RankClasses& classes) {
  std::map<int, View> view_of_class;
  for (int rank = 0; rank < static_cast<int>(relations.attributes.size()); ++rank) {
    const int of_rank = classes.class_of[at(rank)];
    const int representative = classes.representatives[at(of_rank)];
    EXPECT_EQ(relations.attributes[at(rank)], relations.attributes[at(representative)]);
    const View seen = view(relations, rank, classes.class_of);
    EXPECT_EQ(view_of_class.try_emplace(of_rank, seen).first->second, seen) << "rank " << rank;
  }
}

void expect_consistent(const RankClasses& classes) {
  std::vector<std::int64_t> members(classes.members.size());
  for (std::size_t rank = 0; rank < classes.class_of.size(); ++rank) {
    const std::size_t of_rank = at(classes.class_of[rank]);
    if (members[of_rank]++ == 0) {
      EXPECT_EQ(at(classes.representatives[of_rank]), rank);
    }
  }
  EXPECT_EQ(members, classes.members);
  EXPECT_TRUE(std::ranges::is_sorted(classes.representatives));
}

/// Refinement by definition: while two ranks of a class see different things, number the ranks anew
/// by the first rank that is like them.
std::vector<int> naive_partition(const RankRelations& relations) {
  const int ranks = static_cast<int>(relations.attributes.size());
  std::vector<int> class_of = relations.attributes;
  while (true) {
    std::vector<int> refined(at(ranks));
    for (int rank = 0; rank < ranks; ++rank) {
      int like = 0;
      while (class_of[at(like)] != class_of[at(rank)] ||
             view(relations, like, class_of) != view(relations, rank, class_of)) {
        ++like;
      }
      refined[at(rank)] = like;
    }
    if (refined == class_of) {
      return class_of;
    }
    class_of = refined;
  }
}

/// The same partition written as the lowest member of each rank's class.
std::vector<int> lowest_members(const RankClasses& classes) {
  std::vector<int> lowest;
  for (const int of_rank : classes.class_of) {
    lowest.push_back(classes.representatives[at(of_rank)]);
  }
  return lowest;
}

RankRelations random_relations(std::mt19937& random) {
  const auto up_to = [&random](int last) {
    return std::uniform_int_distribution<int>(0, last)(random);
  };
  const int ranks = 1 + up_to(11);
  RankRelations relations;
  relations.memberships.resize(at(ranks));
  relations.neighbours.resize(at(ranks));
  for (int rank = 0; rank < ranks; ++rank) {
    relations.attributes.push_back(up_to(5) == 0 ? 7 : 3);
  }
  for (int edges = up_to(ranks); edges > 0; --edges) {
    const int from = up_to(ranks - 1);
    relations.neighbours[at(from)].emplace_back(up_to(1), up_to(ranks - 1));
  }
  for (int groups = up_to(4); groups > 0; --groups) {
    const int label = up_to(1);
    std::vector<int> members;
    for (int rank = 0; rank < ranks; ++rank) {
      if (up_to(2) == 0) {
        members.push_back(rank);
        relations.memberships[at(rank)].emplace_back(label,
                                                     static_cast<int>(relations.groups.size()));
      }
    }
    relations.groups.push_back(members);
  }
  return relations;
}

TEST(DeepSeekV3, FoldsToEightClassesOfMirroredPipelineRanks) {
  const SmallStep step = deepseek_v3_step(ScheduleKind::kDualPipe);
  const RankClasses classes = equitable_partition(relations_of(step));
  EXPECT_EQ(classes.members, std::vector<std::int64_t>(8, 256));
  expect_consistent(classes);
  for (int rank = 0; rank < 2048; ++rank) {
    const int pipeline = rank / 128;
    EXPECT_EQ(classes.class_of[at(rank)], std::min(pipeline, 15 - pipeline));
  }
}

TEST(DeepSeekV3, FoldsToItsPipelineRanksWithOneDirection) {
  const SmallStep step = deepseek_v3_step(ScheduleKind::k1F1B);
  const RankClasses classes = equitable_partition(relations_of(step));
  EXPECT_EQ(classes.members, std::vector<std::int64_t>(16, 128));
}

TEST(EquitablePartition, IsEquitableAndStable) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    RankRelations relations = relations_of(step);
    const RankClasses classes = equitable_partition(relations);
    expect_consistent(classes);
    expect_equitable(relations, classes);
    relations.attributes = classes.class_of;
    EXPECT_EQ(equitable_partition(relations).class_of, classes.class_of);
  }
}

TEST(EquitablePartition, MatchesRefinementByDefinition) {
  std::mt19937 random(2048);
  for (int trial = 0; trial < 500; ++trial) {
    const RankRelations relations = random_relations(random);
    const RankClasses classes = equitable_partition(relations);
    ASSERT_EQ(lowest_members(classes), naive_partition(relations)) << "trial " << trial;
    expect_consistent(classes);
  }
}

TEST(EquitablePartition, MatchesRefinementOfTrainingStepsWithAnOddRank) {
  for (const int odd : {0, 5, 15}) {
    RankRelations relations =
        relations_of(small_step(ScheduleKind::kDualPipe, {.pipeline = 2, .data = 8, .expert = 4}));
    relations.attributes[at(odd)] = 99;
    const RankClasses classes = equitable_partition(relations);
    EXPECT_EQ(lowest_members(classes), naive_partition(relations));
    EXPECT_EQ(classes.members[at(classes.class_of[at(odd)])], 1);
  }
}

/// Ranks in rings of four, each the neighbour of the two beside it.
RankRelations rings_of_four(int rings) {
  RankRelations relations;
  relations.attributes.assign(at(4 * rings), 0);
  relations.memberships.resize(at(4 * rings));
  for (int rank = 0; rank < 4 * rings; ++rank) {
    const int first = rank - rank % 4;
    relations.neighbours.push_back({{0, first + (rank + 1) % 4}, {0, first + (rank + 3) % 4}});
  }
  return relations;
}

TEST(OddRank, SplitsItsOwnRingAndNoOther) {
  RankRelations relations = rings_of_four(3);
  EXPECT_EQ(equitable_partition(relations).members, std::vector<std::int64_t>{12});
  relations.attributes[5] = 1;
  const RankClasses classes = equitable_partition(relations);
  // The two rings without it; beside it; itself; across from it.
  EXPECT_EQ(classes.class_of, (std::vector<int>{0, 0, 0, 0, 1, 2, 1, 3, 0, 0, 0, 0}));
}

TEST(OddRank, IsAloneInItsGroup) {
  RankRelations relations;
  relations.attributes = {0, 0, 0, 0, 0, 1};
  relations.groups = {{0, 1, 2}, {3, 4, 5}};
  relations.memberships = {{{0, 0}}, {{0, 0}}, {{0, 0}}, {{0, 1}}, {{0, 1}}, {{0, 1}}};
  relations.neighbours.resize(6);
  EXPECT_EQ(equitable_partition(relations).class_of, (std::vector<int>{0, 0, 0, 1, 1, 2}));
}

TEST(Labels, TellRelationsApart) {
  RankRelations relations;
  relations.attributes = {0, 0, 1};
  relations.memberships.resize(3);
  relations.neighbours = {{{0, 2}}, {{1, 2}}, {}};
  EXPECT_EQ(equitable_partition(relations).members.size(), 3u);
  relations.neighbours = {{{0, 2}}, {{0, 2}}, {}};
  EXPECT_EQ(equitable_partition(relations).members.size(), 2u);
}

TEST(Unfolded, GivesEveryRankItsOwnClass) {
  const RankClasses classes = unfolded(5);
  EXPECT_EQ(classes.members, std::vector<std::int64_t>(5, 1));
  expect_consistent(classes);
}

}  // namespace
}  // namespace towtank
