#include "tools/profile_explanation.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/tools/profile_maker.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Explain, IsTheEstimateWithItsFitAndNearestRows) {
  const Profile profile = gpu_with_gemms();
  const Op op = gemm(300, 1024, 2048);
  const Explanation explanation = explain(profile, op, 100, "");
  const Estimate found = estimate(profile, op, 100);
  EXPECT_EQ(explanation.known.time, found.time);
  EXPECT_EQ(explanation.known.error, found.error);
  EXPECT_EQ(explanation.known.origin, "interpolated");
  ASSERT_TRUE(explanation.fit);
  EXPECT_EQ(explanation.fit->library, "trtllm");
  EXPECT_THAT(explanation.axes, ElementsAre("m", "n", "k"));
  ASSERT_EQ(explanation.neighbours.size(), 5U);
  EXPECT_TRUE(std::ranges::is_sorted(explanation.neighbours, {}, &Neighbour::distance));
  EXPECT_THAT(explanation.neighbours[0].sizes, ElementsAre(256.0, 1024.0, 2048.0));
  EXPECT_NEAR(explanation.neighbours[0].distance, std::log2(300.0 / 256.0), 1e-9);
}

TEST(Explain, TheSideThatBindsStandsFirst) {
  const Profile profile = gpu_with_gemms();
  const Explanation large = explain(profile, gemm(4096, 8192, 8192), 100, "");
  ASSERT_EQ(large.roofline.size(), 2U);
  EXPECT_EQ(large.roofline[0].limit, "compute");
  EXPECT_NEAR(large.roofline[0].reached, 0.5, 0.01);  // as the table was made
  EXPECT_NEAR(*large.compute_rate / (TFLOP / second), 250.0, 5.0);
  EXPECT_EQ(explain(profile, gemm(1, 8192, 8192), 100, "").roofline[0].limit, "memory");
}

TEST(Explain, ShowsLibrariesSideBySide) {
  Profile profile = gpu_with_gemms("trtllm");
  const Profile other = gpu_with_gemms("vllm");
  profile.fits.push_back(other.fits.front());
  const Op op = gemm(300, 1024, 2048);
  EXPECT_THAT(libraries_for(profile, op), ElementsAre("trtllm", "vllm"));
  const Explanation explanation = explain(profile, op, 100, "vllm");
  EXPECT_EQ(explanation.fit->library, "vllm");
  ASSERT_EQ(explanation.alternatives.size(), 2U);
  EXPECT_EQ(explanation.alternatives[0].library, "trtllm");
}

TEST(Explain, WhatNobodyMeasuredIsSaidToBeTheDatasheet) {
  const Op op{.kind = OpKind::kCopy,
              .precision = Precision::kBf16,
              .shape = SweepShape{.rows = 4096, .columns = 4096}};
  const Explanation explanation = explain(gpu_with_gemms(), op, 100, "");
  EXPECT_EQ(explanation.known.origin, "datasheet");
  EXPECT_TRUE(explanation.neighbours.empty());
  ASSERT_EQ(explanation.notes.size(), 1U);
  EXPECT_THAT(explanation.notes[0], HasSubstr("nothing of this kind was measured on small"));
}

TEST(Explain, SaysWhenSingleMeasurementsCorrectTheFit) {
  Profile profile = gpu_with_gemms();
  const Op measured_op = gemm(256, 1024, 2048);
  profile.points = {{.op = measured_op,
                     .sms = 100,
                     .time = 1.5 * gemm_time(256, 1024, 2048),
                     .spread = 0.01,
                     .source = "datasheet",
                     .library = ""}};
  const Explanation explanation = explain(profile, measured_op, 100, "");
  EXPECT_EQ(explanation.known.origin, "measured");
  EXPECT_EQ(explanation.known.time, profile.points[0].time);
  EXPECT_EQ(explanation.neighbours[0].source, "datasheet");
  ASSERT_EQ(explanation.alternatives.size(), 1U);
  EXPECT_NEAR(explanation.alternatives[0].known.time / explanation.known.time, 1.0 / 1.5, 0.01);
}

}  // namespace
}  // namespace towtank
