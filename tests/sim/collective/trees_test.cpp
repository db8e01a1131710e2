#include "sim/collective/trees.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace towtank {
namespace {

int children(const Parents& tree, int node) {
  return static_cast<int>(std::ranges::count(tree, node));
}

TEST(BinaryTree, IsOneTreeOfAtMostTwoChildrenAndLogarithmicDepth) {
  for (int nodes = 1; nodes <= 130; ++nodes) {
    for (const Parents& tree : double_tree(nodes)) {
      EXPECT_EQ(std::ranges::count(tree, -1), 1);
      for (int node = 0; node < nodes; ++node) {
        EXPECT_LE(children(tree, node), 2);
        int steps = 0;  // every way up ends
        for (int above = node; above >= 0; above = tree[static_cast<std::size_t>(above)]) {
          ASSERT_LE(++steps, nodes);
        }
      }
      EXPECT_LE(depth(tree), std::ceil(std::log2(nodes)) + (nodes > 1 ? 1 : 0));
    }
  }
}

TEST(DoubleTree, GivesChildrenInOneTreeOnly) {
  for (int nodes = 2; nodes <= 130; ++nodes) {
    const std::vector<Parents> trees = double_tree(nodes);
    int in_both = 0;
    for (int node = 0; node < nodes; ++node) {
      in_both += children(trees[0], node) > 0 && children(trees[1], node) > 0 ? 1 : 0;
    }
    EXPECT_LE(in_both, nodes % 2 == 0 ? 0 : 1) << nodes;
  }
}

}  // namespace
}  // namespace towtank
