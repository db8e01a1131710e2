#include "sim/result/busy_links.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

/// A step of 10 s: ports of two ranks, of which the second stands for three, and two classes of
/// uplinks.
Timeline ten_seconds() {
  Timeline timeline;
  timeline.end = 10.0 * second;
  timeline.ranks = {{.rank = 0, .pipeline = 0, .members = 1},
                    {.rank = 1, .pipeline = 5, .members = 3}};
  const auto port = [](int rank, const std::string& name, Bytes carried, std::int64_t members) {
    return LinkUse{.name = name,
                   .rank = rank,
                   .medium = Medium::kNic,
                   .carried = carried,
                   .capacity = 50.0 * GB / second,
                   .members = members};
  };
  const auto uplink = [](Bytes carried, std::int64_t members) {
    return LinkUse{.name = "leaf up",
                   .rank = -1,
                   .medium = Medium::kNic,
                   .carried = carried,
                   .capacity = 100.0 * GB / second,
                   .members = members,
                   .cables = 2};
  };
  timeline.links = {port(0, "nic out", 100.0 * GB, 1),
                    port(0, "nic in", 50.0 * GB, 1),
                    port(1, "nic out", 200.0 * GB, 3),
                    port(1, "nic in", 100.0 * GB, 3),
                    uplink(900.0 * GB, 2),
                    uplink(300.0 * GB, 4)};
  return timeline;
}

TEST(BusyLinks, ShowTheBusiestOfEachKindPortsFirst) {
  const std::vector<BusyLinks> links = busy_links(ten_seconds(), {});
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(links[0].name, "nic");
  EXPECT_EQ(links[0].busiest.rank, 1);
  EXPECT_DOUBLE_EQ(links[0].utilisation, 0.4);
  EXPECT_EQ(links[1].name, "leaf up");
  EXPECT_EQ(links[1].busiest.rank, -1);
  EXPECT_DOUBLE_EQ(links[1].utilisation, 0.9);
  EXPECT_EQ(links[1].busiest.cables, 2);
}

TEST(BusyLinks, CountWhatAClassStandsFor) {
  const std::vector<BusyLinks> links = busy_links(ten_seconds(), {});
  EXPECT_EQ(links[0].links, 8);
  EXPECT_EQ(links[0].as_busy, 3);
  EXPECT_DOUBLE_EQ(links[0].mean, (0.2 + 0.1 + 3 * 0.4 + 3 * 0.2) / 8.0);
  EXPECT_EQ(links[1].links, 6);
  EXPECT_EQ(links[1].as_busy, 2);
  EXPECT_DOUBLE_EQ(links[1].mean, (2 * 0.9 + 4 * 0.3) / 6.0);
}

TEST(BusyLinks, AddUpWhatTheCriticalPathWaitsForThem) {
  const std::vector<CriticalShare> critical = {
      {.cause = "leaf up dispatch", .time = 3.0 * second, .error = 0.1},
      {.cause = "gemm", .time = 2.0 * second, .error = 0.1},
      {.cause = "leaf up combine", .time = 1.0 * second, .error = 0.1},
      {.cause = "nic dispatch", .time = 0.5 * second, .error = 0.1}};
  const std::vector<BusyLinks> links = busy_links(ten_seconds(), critical);
  EXPECT_EQ(links[0].limits, 0.5 * second);
  EXPECT_EQ(links[1].limits, 4.0 * second);
}

}  // namespace
}  // namespace towtank
