// The model against measured points of public sources, with the profiles as they are shipped. The
// table it prints is the one of sim/engine/README.md.
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/collective/reference_points.hpp"

namespace towtank {
namespace {

TEST(MeasuredCollectives, MedianWithinTenPercentAndNineOfTenWithinAQuarter) {
  if (!reference_is_there()) {
    GTEST_SKIP() << "the reference tables are not beside the tree; set TOWTANK_REFERENCE";
  }
  const std::vector<PointGroup> groups = compared_points();
  std::map<std::string, PointGroup> promised;
  for (const PointGroup& group : groups) {
    ASSERT_FALSE(group.points.empty()) << group.name;
    if (!group.target.empty()) {
      PointGroup& all = promised[group.target];
      all.name = all.target = group.target;
      all.points.insert(all.points.end(), group.points.begin(), group.points.end());
    }
  }
  std::cout << accuracy_table(groups);
  ASSERT_EQ(promised.size(), 4U);
  for (const auto& [name, all] : promised) {
    std::cout << accuracy_table({all});
    EXPECT_LE(error_quantile(all.points, 0.5), 0.10) << name;
    EXPECT_LE(error_quantile(all.points, 0.9), 0.25) << name;
  }
}

}  // namespace
}  // namespace towtank
