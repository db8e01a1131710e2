// Max-min fair rates, after every single change, against progressive filling from scratch.
#include "sim/engine/fair_share.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace towtank {
namespace {

void add_way(Ways& ways, const std::vector<Ways::Hop>& hops) {
  ways.hops.insert(ways.hops.end(), hops.begin(), hops.end());
  ways.first.push_back(ways.hops.size());
}

/// Ways of one to four hops over `wires` wires, one to three shares of each.
Ways random_ways(std::mt19937& random, int count, int wires) {
  const auto below = [&random](int n) {
    return static_cast<int>(random() % static_cast<unsigned>(n));
  };
  Ways ways;
  for (int way = 0; way < count; ++way) {
    std::vector<Ways::Hop> hops;
    for (int hop = 1 + below(4); hop > 0; --hop) {
      const Ways::Hop next{.wire = below(wires), .times = 1.0 + below(3)};
      if (std::ranges::find(hops, next.wire, &Ways::Hop::wire) == hops.end()) {
        hops.push_back(next);
      }
    }
    add_way(ways, hops);
  }
  return ways;
}

/// The rates of `flows` flows of each way: all rise together, and those through a full wire stay.
std::vector<double> filled(const Ways& ways,
                           const std::vector<double>& capacities,
                           const std::vector<int>& flows) {
  std::vector<double> rates(ways.count(), 0.0);
  std::vector<bool> rises(ways.count());
  for (std::size_t way = 0; way < ways.count(); ++way) {
    rises[way] = flows[way] > 0;
  }
  while (std::ranges::find(rises, true) != rises.end()) {
    std::vector<double> room = capacities;
    std::vector<double> shares(capacities.size(), 0.0);
    for (std::size_t way = 0; way < ways.count(); ++way) {
      for (const Ways::Hop& hop : ways.of(way)) {
        const auto wire = static_cast<std::size_t>(hop.wire);
        (rises[way] ? shares[wire] : room[wire]) +=
            rises[way] ? flows[way] * hop.times : -flows[way] * hop.times * rates[way];
      }
    }
    std::size_t full = 0;
    double level = std::numeric_limits<double>::infinity();
    for (std::size_t wire = 0; wire < room.size(); ++wire) {
      if (shares[wire] > 0.0 && room[wire] / shares[wire] < level) {
        level = room[wire] / shares[wire];
        full = wire;
      }
    }
    for (std::size_t way = 0; way < ways.count(); ++way) {
      const auto hops = ways.of(way);
      if (rises[way] && std::ranges::any_of(hops, [full](const Ways::Hop& hop) {
            return static_cast<std::size_t>(hop.wire) == full;
          })) {
        rises[way] = false;
        rates[way] = level;
      }
    }
  }
  return rates;
}

TEST(FairShare, IsThatOfProgressiveFillingAfterEveryChange) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const int wires = 1 + static_cast<int>(random() % 12);
    const Ways ways = random_ways(random, 1 + static_cast<int>(random() % 30), wires);
    std::vector<double> capacities(static_cast<std::size_t>(wires));
    for (double& capacity : capacities) {
      capacity = 1e9 * static_cast<double>(1 + random() % 5);
    }
    FairShare share(ways, capacities);
    std::vector<int> flows(ways.count(), 0);
    for (int change = 0; change < 40; ++change) {
      for (unsigned at_once = 1 + static_cast<unsigned>(random()) % 3; at_once > 0; --at_once) {
        const std::size_t way = random() % ways.count();
        if (flows[way] > 0 && random() % 2 == 0) {
          share.leave(static_cast<int>(way));
          --flows[way];
        } else {
          share.join(static_cast<int>(way));
          ++flows[way];
        }
      }
      share.settle();
      const std::vector<double> expected = filled(ways, capacities, flows);
      for (std::size_t way = 0; way < ways.count(); ++way) {
        if (flows[way] > 0) {
          ASSERT_NEAR(share.rate(static_cast<int>(way)) / expected[way], 1.0, 1e-9)
              << "seed " << seed << ", change " << change << ", way " << way;
        }
      }
    }
  }
}

TEST(FairShare, FlowOfThreeSharesTakesThreeTimesAsMuchOfTheWire) {
  Ways ways;
  add_way(ways, {{.wire = 0, .times = 3}});
  add_way(ways, {{.wire = 0, .times = 1}});
  FairShare share(ways, {40.0});
  share.join(0);
  share.join(1);
  share.settle();
  EXPECT_DOUBLE_EQ(share.rate(0), 10.0);
  EXPECT_DOUBLE_EQ(share.rate(1), 10.0);
}

/// A chain of wires, each with ten ways of its own and one to the next; a newcomer at one end
/// leaves all but the first wire as they were.
TEST(FairShare, LooksNoFurtherThanWiresThatStayAsTheyWere) {
  constexpr int kWires = 100;
  constexpr int kOwn = 10;
  Ways ways;
  for (int wire = 0; wire < kWires; ++wire) {
    for (int own = 0; own < kOwn; ++own) {
      add_way(ways, {{.wire = wire, .times = 1}});
    }
    if (wire + 1 < kWires) {
      add_way(ways, {{.wire = wire, .times = 1}, {.wire = wire + 1, .times = 1}});
    }
  }
  FairShare share(ways, std::vector<double>(kWires, 120.0));
  for (std::size_t way = 0; way < ways.count(); ++way) {
    share.join(static_cast<int>(way));
  }
  share.settle();
  EXPECT_EQ(share.looked_at(), ways.count());
  share.join(0);
  EXPECT_EQ(share.settle().size(), kOwn);  // the link to the next wire was held down there
  EXPECT_EQ(share.looked_at(), kOwn + 1U);
  EXPECT_DOUBLE_EQ(share.rate(0), 10.0);
}

TEST(FairShare, RoomThatAFlowLeavesGoesToThoseItHeldDown) {
  Ways ways;
  add_way(ways, {{.wire = 0, .times = 1}});
  add_way(ways, {{.wire = 0, .times = 1}, {.wire = 1, .times = 1}});
  add_way(ways, {{.wire = 1, .times = 1}});
  FairShare share(ways, {10.0, 30.0});
  for (int way = 0; way < 3; ++way) {
    share.join(way);
  }
  share.settle();
  EXPECT_DOUBLE_EQ(share.rate(1), 5.0);
  EXPECT_DOUBLE_EQ(share.rate(2), 25.0);
  share.leave(0);
  share.settle();
  EXPECT_DOUBLE_EQ(share.rate(1), 10.0);
  EXPECT_DOUBLE_EQ(share.rate(2), 20.0);
}

TEST(FairShare, NamesTheKindOfWireThatHoldsAWayDown) {
  Ways ways;
  add_way(ways, {{.wire = 0, .times = 1}, {.wire = 1, .times = 1}});
  add_way(ways, {{.wire = 1, .times = 1}});
  FairShare share(ways, {10.0, 16.0}, {4, 3});
  share.join(0);
  share.settle();
  EXPECT_EQ(share.held_by(0), 4);
  share.join(1);  // 8 each on the second wire
  ASSERT_EQ(share.settle().size(), 2U);
  EXPECT_EQ(share.held_by(0), 3);
  EXPECT_EQ(share.held_by(1), 3);
  share.leave(1);
  share.settle();
  EXPECT_EQ(share.held_by(0), 4);
}

TEST(FairShare, NamesTheKindOfTheLeastNumberWhereSeveralHoldAWayDownEqually) {
  for (const bool reversed : {false, true}) {
    Ways ways;
    add_way(ways, {{.wire = reversed ? 1 : 0, .times = 3}, {.wire = reversed ? 0 : 1, .times = 3}});
    FairShare share(ways, {10.0, 10.0}, {2, 1});
    share.join(0);
    share.settle();
    EXPECT_EQ(share.held_by(0), 1);
  }
}

}  // namespace
}  // namespace towtank
