#include "tools/profile_comparison.hpp"

#include <gtest/gtest.h>

#include "tests/tools/profile_maker.hpp"

namespace towtank {
namespace {

Profile slower(Profile profile, double factor) {
  profile.gpu.name = "slower";
  for (MeasuredPoint& point : profile.points) {
    point.time *= factor;
  }
  return profile;
}

Profile with_single_measurements() {
  Profile profile = small_gpu();
  for (const std::int64_t m : {256, 512, 1024}) {
    profile.points.push_back({.op = gemm(m, 1024, 1024),
                              .sms = 100,
                              .time = gemm_time(m, 1024, 1024),
                              .spread = 0.02,
                              .source = "datasheet",
                              .library = ""});
  }
  return profile;
}

TEST(CompareProfiles, AProfileTakesAsLongAsItself) {
  const Profile profile = gpu_with_gemms();
  const ProfileComparison comparison = compare_profiles(profile, profile, {});
  ASSERT_EQ(comparison.kernels.size(), 1U);
  const ComparedKernels& gemms = comparison.kernels[0];
  EXPECT_DOUBLE_EQ(gemms.median, 1.0);
  EXPECT_DOUBLE_EQ(gemms.p10, 1.0);
  EXPECT_DOUBLE_EQ(gemms.p90, 1.0);
  EXPECT_EQ(gemms.both_measured, gemms.ops);
  for (const ComparedFigure& figure : comparison.datasheet) {
    EXPECT_TRUE(figure.ratio == 1.0 || figure.ratio == 0.0) << figure.figure;
  }
}

TEST(CompareProfiles, RatiosAreOfTheSecondOverTheFirst) {
  const Profile profile = with_single_measurements();
  const ProfileComparison comparison = compare_profiles(profile, slower(profile, 3.0), {});
  ASSERT_EQ(comparison.kernels.size(), 1U);
  EXPECT_NEAR(comparison.kernels[0].median, 3.0, 1e-9);
  EXPECT_EQ(comparison.kernels[0].both_measured, 6U);  // three ops, measured by each
}

TEST(CompareProfiles, SaysWhatOnlyOneOfThemMeasured) {
  const ProfileComparison comparison =
      compare_profiles(with_single_measurements(), small_gpu("other"), {});
  ASSERT_EQ(comparison.kernels.size(), 1U);
  EXPECT_EQ(comparison.kernels[0].both_measured, 0U);
  EXPECT_EQ(comparison.kernels[0].known_as[0], "measured");
  EXPECT_EQ(comparison.kernels[0].known_as[1], "datasheet");
}

TEST(CompareProfiles, OnlyTheOpsAskedFor) {
  const Profile profile = gpu_with_gemms();
  EXPECT_TRUE(compare_profiles(profile, profile, {OpKind::kCopy}).kernels.empty());
}

}  // namespace
}  // namespace towtank
