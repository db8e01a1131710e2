// Parts of clusters, and nodes as people write them.
#include "sim/cluster/placement.hpp"

#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;

TEST(NodeList, HasRangesAndSteps) {
  EXPECT_THAT(parse_nodes("0-3", 4).nodes, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(parse_nodes("7", 8).nodes, ElementsAre(7));
  EXPECT_THAT(parse_nodes("1-7:2, 0", 8).nodes, ElementsAre(1, 3, 5, 7, 0));
  EXPECT_THAT(parse_nodes(" 4 - 6 : 2 ,1", 8).nodes, ElementsAre(4, 6, 1));
}

TEST(NodeList, SaysWhatIsWrong) {
  for (const char* text :
       {"", ",", "1,", "a", "3-1", "0-3:0", "-1", "0--3", "1-2-3", "1:2:3", "99999999999", "1.5"}) {
    EXPECT_THAT(parse_nodes(text, 8).problem, testing::HasSubstr("no range")) << text;
  }
  EXPECT_EQ(parse_nodes("0-8", 8).problem, "there is no node 8; the last is 7");
  EXPECT_EQ(parse_nodes("0-3, 2", 8).problem, "node 2 is named twice");
}

TEST(NodeList, ReadsBackWhatItWrote) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 500; ++trial) {
    std::set<int> some;
    for (int i = std::uniform_int_distribution<int>(1, 20)(random); i > 0; --i) {
      some.insert(std::uniform_int_distribution<int>(0, 30)(random));
    }
    std::vector<int> nodes(some.begin(), some.end());
    if (trial % 3 == 0) {
      std::ranges::shuffle(nodes, random);
    }
    const NodeList list = parse_nodes(nodes_text(nodes), 31);
    EXPECT_EQ(list.problem, "");
    EXPECT_EQ(list.nodes, nodes) << nodes_text(nodes);
  }
  EXPECT_EQ(nodes_text(std::vector<int>{0, 1, 2, 3, 8, 10, 12, 20, 21}), "0-3, 8-12:2, 20, 21");
}

TEST(PartOfCluster, HasThePartlyUsedNodeLast) {
  Cluster whole;
  whole.nodes = 3;
  whole.gpus_per_node = 8;
  whole.idle = 4;
  EXPECT_EQ(whole.gpus(), 20);
  EXPECT_EQ(on_nodes(whole, std::vector<int>{0, 2}).gpus(), 12);
  EXPECT_EQ(on_nodes(whole, std::vector<int>{1, 0}).gpus(), 16);
  EXPECT_THROW(on_nodes(whole, std::vector<int>{2, 0}), BrokenClaim);
}

TEST(NodeList, SurvivesAnyText) {
  std::mt19937 random(6);
  constexpr std::string_view kLetters = "0123456789-,: x";
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text;
    for (int i = std::uniform_int_distribution<int>(0, 12)(random); i > 0; --i) {
      text += kLetters[std::uniform_int_distribution<std::size_t>(0, kLetters.size() - 1)(random)];
    }
    const NodeList list = parse_nodes(text, 100);
    if (list.problem.empty()) {
      EXPECT_EQ(std::set<int>(list.nodes.begin(), list.nodes.end()).size(), list.nodes.size());
      EXPECT_LT(*std::ranges::max_element(list.nodes), 100);
    }
  }
}

TEST(PartOfACluster, NumbersItsGpusAnewAndKeepsTheirFaults) {
  Cluster whole;
  whole.nodes = 8;
  whole.gpus_per_node = 4;
  whole.faults = {{.gpu = 4 * 5 + 1, .slowdown = 2.0}, {.gpu = 3, .slowdown = 3.0}};
  const Cluster part = on_nodes(whole, std::vector<int>{5, 1});
  EXPECT_EQ(part.gpus(), 8);
  ASSERT_EQ(part.faults.size(), 1U);
  EXPECT_EQ(part.faults[0].gpu, 1);
  EXPECT_EQ(part.faults[0].slowdown, 2.0);
  EXPECT_EQ(part.placement->fabric_nodes, 8);
  EXPECT_THROW(on_nodes(part, std::vector<int>{0}), BrokenClaim);
  EXPECT_THROW(on_nodes(whole, std::vector<int>{1, 1}), BrokenClaim);
}

}  // namespace
}  // namespace towtank
