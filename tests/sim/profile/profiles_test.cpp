// The committed profiles: each reads, is small, and says where its figures come from.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

using ::testing::IsSupersetOf;

const std::string kDirectory = std::string(TOWTANK_SOURCE_DIR) + "/profiles";

class CommittedProfile : public ::testing::TestWithParam<std::string> {
 protected:
  Profile read() const { return read_profile(kDirectory, GetParam()); }
};

/// What a source key names; null when nothing does.
const Source* source_of(const Profile& profile, const std::string& key) {
  const auto found = std::ranges::find(profile.sources, key, &Source::key);
  return found == profile.sources.end() ? nullptr : &*found;
}

/// Every source key that a figure of the profile gives.
std::vector<std::string> keys_in_use(const Profile& profile) {
  std::vector<std::string> keys = {
      profile.gpu_source, profile.launch_source, profile.fallback.source};
  for (const MeasuredPoint& point : profile.points) {
    keys.push_back(point.source);
  }
  for (const KernelFit& fit : profile.fits) {
    keys.push_back(fit.source);
  }
  for (const auto& of_kind : profile.links) {
    for (const LinkEfficiency& link : of_kind) {
      keys.push_back(link.source);
    }
  }
  return keys;
}

TEST(CommittedProfiles, CoverTheGpusThatScenariosName) {
  EXPECT_THAT(
      list_profiles(kDirectory),
      IsSupersetOf(
          {"a100-sxm", "b200-sxm", "gb200", "h100-sxm", "h20-sxm", "h200-sxm", "h800-sxm"}));
}

TEST_P(CommittedProfile, IsAtMost300KB) {
  EXPECT_LE(std::filesystem::file_size(kDirectory + "/" + GetParam() + ".toml"), 300'000U);
}

TEST_P(CommittedProfile, NamesADatedSourceForEveryFigure) {
  const Profile profile = read();
  for (const std::string& key : keys_in_use(profile)) {
    const Source* source = source_of(profile, key);
    ASSERT_NE(source, nullptr) << key;
    EXPECT_GT(source->text.size(), 20U) << key;
    EXPECT_GE(source->date.size(), 4U) << key;
  }
}

TEST_P(CommittedProfile, GivesEveryEstimateAnErrorOfAtLeastTwoPercent) {
  const Profile profile = read();
  for (const KernelFit& fit : profile.fits) {
    for (const double error : fit.error.at_knots) {
      EXPECT_GT(error, 0.0) << name(fit.key.kind) << ' ' << fit.key.library;
    }
  }
  const Op gemm = {.kind = OpKind::kGemm,
                   .precision = Precision::kBf16,
                   .shape = GemmShape{.m = 4096, .n = 4096, .k = 4096}};
  EXPECT_GE(estimate(profile, gemm, profile.gpu.sms).error, 0.02);
}

// FP8 is twice BF16 and FP4 twice FP8, or not there at all; mixing up dense and sparse peaks, or
// per-direction and total bandwidth, breaks one of these.
TEST_P(CommittedProfile, StatesDensePeaksAndOneDirectionOfNvlink) {
  const Gpu gpu = read().gpu;
  if (gpu.fp8_peak > FlopRate{}) {
    EXPECT_NEAR(gpu.fp8_peak / gpu.bf16_peak, 2.0, 0.01);
  }
  if (gpu.fp4_peak > FlopRate{}) {
    EXPECT_NEAR(gpu.fp4_peak / gpu.fp8_peak, 2.0, 0.01);
  }
  EXPECT_GT(gpu.nvlink / gpu.nic, 3.0);
  EXPECT_LT(gpu.nvlink / gpu.nic, 20.0);
}

// An all-gather on NVLink and a send over the network card are what every training step needs.
TEST_P(CommittedProfile, HasNvlinkCollectivesByMeasurementOrNamedTransfer) {
  const Profile profile = read();
  for (const TransferKind kind : {TransferKind::kAllGather, TransferKind::kReduceScatter}) {
    const LinkEfficiency& link = profile.link(kind, Medium::kNvlink);
    EXPECT_TRUE(link.origin == Origin::kMeasured || link.origin == Origin::kTransferred)
        << name(kind);
    EXPECT_LT(link.error, 0.3) << name(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         CommittedProfile,
                         ::testing::ValuesIn(list_profiles(kDirectory)),
                         [](const auto& instance) {
                           std::string test = instance.param;
                           std::ranges::replace(test, '-', '_');
                           return test;
                         });

TEST(CommittedProfiles, OnlyHoppersOfOneDieTakeOverKernelTimes) {
  for (const std::string& gpu : list_profiles(kDirectory)) {
    const Profile profile = read_profile(kDirectory, gpu);
    const bool transfers = gpu == "h100-sxm" || gpu == "h800-sxm" || gpu == "h200-sxm";
    EXPECT_EQ(profile.transfer.has_value(), transfers) << gpu;
    const auto foreign = [](const auto& measured) { return measured.transferred; };
    EXPECT_EQ(std::ranges::any_of(profile.points, foreign), transfers) << gpu;
  }
}

TEST(CommittedProfiles, H800DiffersFromH100InNvlinkAlone) {
  const Gpu h800 = read_profile(kDirectory, "h800-sxm").gpu;
  const Gpu h100 = read_profile(kDirectory, "h100-sxm").gpu;
  EXPECT_EQ(h800.sms, h100.sms);
  EXPECT_EQ(h800.bf16_peak, h100.bf16_peak);
  EXPECT_EQ(h800.fp8_peak, h100.fp8_peak);
  EXPECT_EQ(h800.memory_bandwidth, h100.memory_bandwidth);
  EXPECT_EQ(h800.nic, h100.nic);
  EXPECT_NEAR(h100.nvlink / h800.nvlink, 900.0 / 400.0, 1e-9);
}

TEST(CommittedProfiles, A100HasNoFp8) {
  EXPECT_EQ(read_profile(kDirectory, "a100-sxm").gpu.fp8_peak, FlopRate{});
}

}  // namespace
}  // namespace towtank
