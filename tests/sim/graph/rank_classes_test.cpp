// Which ranks behave alike, against definitions that are slow and plain.
#include "sim/graph/rank_classes.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/graph/training_relations.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

RankRelations relations_of(const SmallStep& step) {
  return training_relations(cut_up(step.model, step.plan, step.cluster, datasheet()));
}

/// What a rank or a wire sees of a partition: its own attribute, and the labels and classes of all
/// that it is related to, as words in no order.
using View = std::multiset<std::vector<std::uint64_t>>;

struct Views {
  std::vector<View> ranks;
  std::vector<View> wires;
};

/// A multiset as one word: equal words, equal multisets.
class Words {
 public:
  std::uint64_t of(const View& view) {
    return numbers_.try_emplace(view, numbers_.size()).first->second;
  }

 private:
  std::map<View, std::uint64_t> numbers_;
};

std::uint64_t word(int number) {
  return static_cast<std::uint64_t>(number);
}

Views views(const RankRelations& relations,
            const std::vector<int>& rank_class,
            const std::vector<int>& wire_class) {
  Words words;
  Views seen{.ranks = std::vector<View>(relations.attributes.size()),
             .wires = std::vector<View>(relations.wires.size())};
  for (std::size_t rank = 0; rank < seen.ranks.size(); ++rank) {
    seen.ranks[rank].insert({0, relations.attributes[rank], word(rank_class[rank])});
  }
  for (std::size_t wire = 0; wire < seen.wires.size(); ++wire) {
    seen.wires[wire].insert({0, relations.wires[wire], word(wire_class[wire])});
  }
  std::vector<std::uint64_t> group_words;
  for (int group = 0; group < relations.groups; ++group) {
    View inside;
    for (const auto& member : relations.memberships) {
      if (member.group == group) {
        inside.insert({0, word(member.label), word(rank_class[at(member.rank)])});
      }
    }
    for (const auto& over : relations.crossings) {
      if (relations.sendings[at(over.sending)].group == group) {
        inside.insert({1, word(over.share), word(wire_class[at(over.wire)])});
      }
    }
    for (const auto& through : relations.passages) {
      if (relations.sendings[at(through.sending)].group == group) {
        inside.insert(
            {2, word(through.port), word(through.share), word(rank_class[at(through.rank)])});
      }
    }
    group_words.push_back(words.of(inside));
  }
  for (const auto& mine : relations.memberships) {
    seen.ranks[at(mine.rank)].insert({1, word(mine.label), group_words[at(mine.group)]});
  }
  for (std::size_t i = 0; i < relations.sendings.size(); ++i) {
    const auto& [label, from, to, group] = relations.sendings[i];
    View way;
    for (const auto& over : relations.crossings) {
      if (at(over.sending) == i) {
        way.insert({word(over.share), word(wire_class[at(over.wire)])});
      }
    }
    for (const auto& through : relations.passages) {
      if (at(through.sending) == i) {
        way.insert({word(through.port), word(through.share), word(rank_class[at(through.rank)])});
      }
    }
    const std::vector<std::uint64_t> alone = {
        word(label), word(rank_class[at(from)]), word(rank_class[at(to)]), words.of(way)};
    const std::vector<std::uint64_t> sending =
        group < 0 ? alone : std::vector<std::uint64_t>{word(label), group_words[at(group)]};
    const auto with = [&sending](std::vector<std::uint64_t> first) {
      first.insert(first.end(), sending.begin(), sending.end());
      return first;
    };
    if (group < 0) {
      seen.ranks[at(from)].insert(with({2}));
      seen.ranks[at(to)].insert(with({3}));
    }
    for (const auto& over : relations.crossings) {
      if (at(over.sending) == i) {
        seen.wires[at(over.wire)].insert(with({4, word(over.share)}));
      }
    }
    for (const auto& through : relations.passages) {
      if (at(through.sending) == i) {
        seen.ranks[at(through.rank)].insert(with({5, word(through.port), word(through.share)}));
      }
    }
  }
  return seen;
}

void expect_alike(const std::vector<View>& seen, const Partition& partition) {
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const int representative = partition.representatives[at(partition.class_of[i])];
    EXPECT_EQ(seen[i], seen[at(representative)]) << i;
  }
}

void expect_equitable(const RankRelations& relations, const RankClasses& classes) {
  const Views seen = views(relations, classes.ranks.class_of, classes.wires.class_of);
  expect_alike(seen.ranks, classes.ranks);
  expect_alike(seen.wires, classes.wires);
}

void expect_consistent(const Partition& partition) {
  std::vector<std::int64_t> members(partition.members.size());
  for (std::size_t i = 0; i < partition.class_of.size(); ++i) {
    const std::size_t of_it = at(partition.class_of[i]);
    if (members[of_it]++ == 0) {
      EXPECT_EQ(at(partition.representatives[of_it]), i);
    }
  }
  EXPECT_EQ(members, partition.members);
  EXPECT_TRUE(std::ranges::is_sorted(partition.representatives));
}

/// Everything numbered by the first that sees the same.
std::vector<int> first_alike(const std::vector<View>& seen) {
  std::map<View, int> first;
  std::vector<int> result;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    result.push_back(first.try_emplace(seen[i], static_cast<int>(i)).first->second);
  }
  return result;
}

/// Refinement by definition: while two of a class see different things, number anew.
std::pair<std::vector<int>, std::vector<int>> naive_partition(const RankRelations& relations) {
  std::vector<int> ranks(relations.attributes.size(), 0);
  std::vector<int> wires(relations.wires.size(), 0);
  while (true) {
    const Views seen = views(relations, ranks, wires);
    const std::vector<int> refined_ranks = first_alike(seen.ranks);
    const std::vector<int> refined_wires = first_alike(seen.wires);
    if (refined_ranks == ranks && refined_wires == wires) {
      return {ranks, wires};
    }
    ranks = refined_ranks;
    wires = refined_wires;
  }
}

/// The same partition written as the lowest member of each one's class.
std::vector<int> lowest_members(const Partition& partition) {
  std::vector<int> lowest;
  for (const int of_it : partition.class_of) {
    lowest.push_back(partition.representatives[at(of_it)]);
  }
  return lowest;
}

RankRelations random_relations(std::mt19937& random) {
  const auto up_to = [&random](int last) {
    return std::uniform_int_distribution<int>(0, last)(random);
  };
  const int ranks = 1 + up_to(11);
  RankRelations relations;
  for (int rank = 0; rank < ranks; ++rank) {
    relations.attributes.push_back(up_to(5) == 0 ? 7 : 3);
  }
  for (int wires = up_to(5); wires > 0; --wires) {
    relations.wires.push_back(up_to(4) == 0 ? 1 : 2);
  }
  const int wires = static_cast<int>(relations.wires.size());
  for (int edges = up_to(ranks); edges > 0; --edges) {
    const int sending = static_cast<int>(relations.sendings.size());
    relations.sendings.push_back({.label = up_to(1),
                                  .from = up_to(ranks - 1),
                                  .to = up_to(ranks - 1),
                                  .group = up_to(3) == 0 ? up_to(2) : -1});
    for (int wire = 0; wire < wires; ++wire) {
      if (up_to(2) == 0) {
        relations.crossings.push_back({.sending = sending, .wire = wire, .share = 1 + up_to(1)});
      }
    }
    for (int passages = std::max(0, up_to(4) - 2); passages > 0; --passages) {
      relations.passages.push_back(
          {.sending = sending, .rank = up_to(ranks - 1), .port = up_to(1), .share = 1 + up_to(1)});
    }
  }
  for (relations.groups = 0; relations.groups < 3; ++relations.groups) {
    const int label = up_to(1);
    for (int rank = 0; rank < ranks; ++rank) {
      if (up_to(2) == 0) {
        relations.memberships.push_back({.label = label, .group = relations.groups, .rank = rank});
      }
    }
  }
  return relations;
}

TEST(DeepSeekV3, FoldsToEightClassesOfMirroredPipelineRanks) {
  const SmallStep step = deepseek_v3_step(ScheduleKind::kDualPipe);
  const RankClasses classes = equitable_partition(relations_of(step));
  EXPECT_EQ(classes.ranks.members, std::vector<std::int64_t>(8, 256));
  expect_consistent(classes.ranks);
  for (int rank = 0; rank < 2048; ++rank) {
    const int pipeline = rank / 128;
    EXPECT_EQ(classes.ranks.class_of[at(rank)], std::min(pipeline, 15 - pipeline));
  }
}

TEST(DeepSeekV3, FoldsToItsPipelineRanksWithOneDirection) {
  const SmallStep step = deepseek_v3_step(ScheduleKind::k1F1B);
  const RankClasses classes = equitable_partition(relations_of(step));
  EXPECT_EQ(classes.ranks.members, std::vector<std::int64_t>(16, 128));
}

TEST(EquitablePartition, IsEquitableAndStable) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    RankRelations relations = relations_of(step);
    const RankClasses classes = equitable_partition(relations);
    expect_consistent(classes.ranks);
    expect_equitable(relations, classes);
    relations.attributes.assign(classes.ranks.class_of.begin(), classes.ranks.class_of.end());
    EXPECT_EQ(equitable_partition(relations).ranks, classes.ranks);
  }
}

TEST(EquitablePartition, MatchesRefinementByDefinition) {
  std::mt19937 random(2048);
  for (int trial = 0; trial < 500; ++trial) {
    const RankRelations relations = random_relations(random);
    const RankClasses classes = equitable_partition(relations);
    const auto [ranks, wires] = naive_partition(relations);
    ASSERT_EQ(lowest_members(classes.ranks), ranks) << "trial " << trial;
    ASSERT_EQ(lowest_members(classes.wires), wires) << "trial " << trial;
    expect_consistent(classes.ranks);
    expect_consistent(classes.wires);
    expect_equitable(relations, classes);
  }
}

TEST(EquitablePartition, MatchesRefinementOfTrainingStepsWithAnOddRank) {
  for (const int odd : {0, 5, 15}) {
    RankRelations relations =
        relations_of(small_step(ScheduleKind::kDualPipe, {.pipeline = 2, .data = 8, .expert = 4}));
    relations.attributes[at(odd)] = 99;
    const RankClasses classes = equitable_partition(relations);
    EXPECT_EQ(lowest_members(classes.ranks), naive_partition(relations).first);
    EXPECT_EQ(classes.ranks.members[at(classes.ranks.class_of[at(odd)])], 1);
  }
}

/// Ranks in rings of four, each sending to the two beside it.
RankRelations rings_of_four(int rings) {
  RankRelations relations;
  relations.attributes.assign(at(4 * rings), 0);
  for (int rank = 0; rank < 4 * rings; ++rank) {
    const int first = rank - rank % 4;
    relations.sendings.push_back({.from = rank, .to = first + (rank + 1) % 4});
    relations.sendings.push_back({.from = rank, .to = first + (rank + 3) % 4});
  }
  return relations;
}

TEST(OddRank, SplitsItsOwnRingAndNoOther) {
  RankRelations relations = rings_of_four(3);
  EXPECT_EQ(equitable_partition(relations).ranks.members, std::vector<std::int64_t>{12});
  relations.attributes[5] = 1;
  const RankClasses classes = equitable_partition(relations);
  // The two rings without it; beside it; itself; across from it.
  EXPECT_EQ(classes.ranks.class_of, (std::vector<int>{0, 0, 0, 0, 1, 2, 1, 3, 0, 0, 0, 0}));
}

TEST(OddRank, IsAloneInItsGroup) {
  RankRelations relations;
  relations.attributes = {0, 0, 0, 0, 0, 1};
  relations.groups = 2;
  for (int rank = 0; rank < 6; ++rank) {
    relations.memberships.push_back({.group = rank / 3, .rank = rank});
  }
  EXPECT_EQ(equitable_partition(relations).ranks.class_of, (std::vector<int>{0, 0, 0, 1, 1, 2}));
}

TEST(OddWire, SplitsWhoSendsOverIt) {
  RankRelations relations = rings_of_four(2);
  relations.wires = {5, 5};
  for (int sending = 0; sending < 16; ++sending) {
    relations.crossings.push_back({.sending = sending, .wire = sending / 8});
  }
  EXPECT_EQ(equitable_partition(relations).ranks.members, std::vector<std::int64_t>{8});
  EXPECT_EQ(equitable_partition(relations).wires.members, std::vector<std::int64_t>{2});
  relations.wires[1] = 4;
  EXPECT_EQ(equitable_partition(relations).ranks.members, (std::vector<std::int64_t>{4, 4}));
}

TEST(Passage, SplitsWhoPassesSomethingOn) {
  RankRelations relations;
  relations.attributes = {0, 0, 0, 0};
  relations.sendings = {{.from = 0, .to = 1}, {.from = 1, .to = 0}};
  EXPECT_EQ(equitable_partition(relations).ranks.class_of, (std::vector<int>{0, 0, 1, 1}));
  relations.passages = {{.sending = 0, .rank = 2}, {.sending = 1, .rank = 3}};
  EXPECT_EQ(equitable_partition(relations).ranks.class_of, (std::vector<int>{0, 0, 1, 1}));
  relations.passages[1].rank = 2;
  EXPECT_EQ(equitable_partition(relations).ranks.class_of, (std::vector<int>{0, 0, 1, 2}));
}

TEST(Labels, TellRelationsApart) {
  RankRelations relations;
  relations.attributes = {0, 0, 1};
  relations.sendings = {{.label = 0, .from = 0, .to = 2}, {.label = 1, .from = 1, .to = 2}};
  EXPECT_EQ(equitable_partition(relations).ranks.members.size(), 3u);
  relations.sendings[1].label = 0;
  EXPECT_EQ(equitable_partition(relations).ranks.members.size(), 2u);
}

TEST(Unfolded, GivesEveryRankItsOwnClass) {
  const Partition partition = unfolded(5);
  EXPECT_EQ(partition.members, std::vector<std::int64_t>(5, 1));
  expect_consistent(partition);
}

}  // namespace
}  // namespace towtank
