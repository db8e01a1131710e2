// Every kernel of a step has a time and an origin, and `profile show` counts as the simulation
// does.
#include "tools/profile_report.hpp"

#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

Scenario scenario() {
  return read_scenario(kRoot + "/scenarios/deepseek-v3-h800.toml", {});
}

Profile profile() {
  return read_profile(kRoot + "/profiles", "h800-sxm");
}

TEST(ResolvedOps, EveryOpHasATimeAndAnOrigin) {
  const std::set<std::string> origins = {
      "measured", "scaled", "interpolated", "extrapolated", "transferred", "datasheet"};
  for (const ResolvedOp& op : resolved_ops(scenario(), profile())) {
    EXPECT_GT(op.time, Seconds{}) << op.op;
    EXPECT_GT(op.error, 0.0) << op.op;
    EXPECT_TRUE(origins.contains(op.origin)) << op.op;
    EXPECT_EQ(op.nearest.empty(), op.origin == "datasheet") << op.op;
  }
}

TEST(ResolvedOps, AreDistinctAndTheirSharesSumToOne) {
  std::set<std::pair<std::string, int>> seen;
  double sum = 0.0;
  double last = 1.0;
  for (const ResolvedOp& op : resolved_ops(scenario(), profile())) {
    EXPECT_TRUE(seen.emplace(op.op, op.sms).second) << op.op;
    EXPECT_LE(op.share, last);
    last = op.share;
    sum += op.share;
  }
  EXPECT_NEAR(sum, 1.0, 1e-9);
}

TEST(ResolvedOps, CommunicationTakesItsSmsOnlyFromKernelsBesideIt) {
  const Scenario asked = scenario();
  std::set<int> sms;
  for (const ResolvedOp& op : resolved_ops(asked, profile())) {
    sms.insert(op.sms);
  }
  EXPECT_EQ(sms, (std::set<int>{132 - asked.plan.communication_sms, 132}));
}

TEST(ProfileReport, ShowsEveryPointOnceWithASourceThatIsListed) {
  const Profile known = profile();
  const ProfileReport report = profile_report(known);
  std::set<std::string> sources;
  for (const SourceEntry& source : report.sources) {
    sources.insert(source.key);
  }
  std::size_t points = 0;
  for (const PointGroup& group : report.groups) {
    points += group.points.size();
    for (const PointEntry& point : group.points) {
      EXPECT_GT(point.utilisation, 0.0) << group.op << " " << point.shape;
      EXPECT_TRUE(sources.contains(point.source)) << point.source;
    }
  }
  EXPECT_EQ(points, known.points.size());
  EXPECT_EQ(report.links.size(), static_cast<std::size_t>(kLinkKinds * kMedia));
}

}  // namespace
}  // namespace towtank
