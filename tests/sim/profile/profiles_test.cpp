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

// FP8 is twice BF16 and FP4 twice (Blackwell Ultra: three times) FP8, or not there at all; mixing
// up dense and sparse peaks, or per-direction and total bandwidth, breaks one of these.
TEST_P(CommittedProfile, StatesDensePeaksAndOneDirectionOfNvlink) {
  const Gpu gpu = read().gpu;
  if (gpu.fp8_peak > FlopRate{}) {
    EXPECT_NEAR(gpu.fp8_peak / gpu.bf16_peak, 2.0, 0.01);
  }
  if (gpu.fp4_peak > FlopRate{}) {
    const bool ultra = GetParam().find("b300") != std::string::npos;
    EXPECT_NEAR(gpu.fp4_peak / gpu.fp8_peak, ultra ? 3.0 : 2.0, 0.01);
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

/// "a100", "h100", "h200", "b200" and "gb200" are of the architectures a, h, h, b and b.
char architecture(const std::string& gpu) {
  return gpu.starts_with("gb") ? 'b' : gpu.front();
}

TEST(CommittedProfiles, TakeOverKernelTimesWithinAnArchitectureOnly) {
  for (const std::string& gpu : list_profiles(kDirectory)) {
    const Profile profile = read_profile(kDirectory, gpu);
    if (profile.transfer) {
      EXPECT_EQ(architecture(profile.transfer->from), architecture(gpu)) << gpu;
    }
    const auto foreign = [](const auto& measured) { return measured.transferred; };
    EXPECT_EQ(std::ranges::any_of(profile.points, foreign), profile.transfer.has_value()) << gpu;
  }
  EXPECT_FALSE(read_profile(kDirectory, "a100-sxm").transfer.has_value());
  EXPECT_FALSE(read_profile(kDirectory, "h20-sxm").transfer.has_value());
}

/// TFLOP/s that a GPU reaches.
double rate(const Profile& profile, const Op& op) {
  return flops(op) / estimate(profile, op, profile.gpu.sms).time / (TFLOP / second);
}

Op square(OpKind kind, Precision precision, std::int64_t size) {
  return {
      .kind = kind, .precision = precision, .shape = GemmShape{.m = size, .n = size, .k = size}};
}

Op causal(OpKind kind, std::int64_t heads) {
  return {.kind = kind,
          .shape = AttentionShape{.batch = 1,
                                  .heads = heads,
                                  .query = 8192,
                                  .context = 8192,
                                  .qk_dim = 128,
                                  .v_dim = 128,
                                  .kv_heads = heads}};
}

/// What libraries' authors and users publish of large products and of attention over 8,192 tokens:
/// wide bands, which a table misread, a sparse peak or a wrong clock leaves.
struct PublishedRates {
  std::string gpu;
  double gemm_from, gemm_to;        // cuBLAS, BF16
  double fp8_from, fp8_to;          // cuBLASLt
  double forward_from, forward_to;  // FlashAttention and cuDNN, BF16
  double backward_from, backward_to;
};

TEST(CommittedProfiles, ReachInTrainingWhatIsPublished) {
  const std::vector<PublishedRates> published = {
      {"a100-sxm", 230, 290, 0, 0, 150, 230, 120, 200},
      {"h100-sxm", 600, 800, 1100, 1500, 430, 680, 340, 570},
      {"h800-sxm", 600, 800, 1100, 1500, 430, 680, 340, 570},
      {"h200-sxm", 600, 800, 1100, 1500, 430, 700, 370, 620},
      {"b200-sxm", 1300, 1750, 2300, 3500, 1000, 1600, 800, 1250},
      {"gb200", 1350, 1900, 2500, 3700, 1300, 1800, 1000, 1450},
  };
  for (const PublishedRates& of : published) {
    const Profile profile = read_profile(kDirectory, of.gpu);
    const auto expect_within = [&](const Op& op, double from, double to) {
      EXPECT_GE(rate(profile, op), from) << of.gpu << ' ' << describe(op);
      EXPECT_LE(rate(profile, op), to) << of.gpu << ' ' << describe(op);
    };
    expect_within(square(OpKind::kGemm, Precision::kBf16, 8192), of.gemm_from, of.gemm_to);
    expect_within(
        square(OpKind::kWeightGemm, Precision::kBf16, 8192), 0.8 * of.gemm_from, of.gemm_to);
    if (of.fp8_to > 0.0) {
      expect_within(square(OpKind::kGemm, Precision::kFp8, 8192), of.fp8_from, of.fp8_to);
      expect_within(
          square(OpKind::kWeightGemm, Precision::kFp8, 8192), 0.6 * of.fp8_from, of.fp8_to);
    }
    for (const std::int64_t heads : {16, 64}) {
      expect_within(causal(OpKind::kAttentionForward, heads), of.forward_from, of.forward_to);
      expect_within(causal(OpKind::kAttentionBackward, heads), of.backward_from, of.backward_to);
    }
  }
}

// All but routing, which is many small kernels, and the H800's optimizer and loss, which nobody
// measured there.
TEST(CommittedProfiles, KnowTheKernelsOfATrainingStepBetterThanByDatasheet) {
  const std::vector<OpKind> sweeps = {OpKind::kNorm,
                                      OpKind::kNormBackward,
                                      OpKind::kRope,
                                      OpKind::kRopeBackward,
                                      OpKind::kSwiGlu,
                                      OpKind::kSwiGluBackward,
                                      OpKind::kActivation,
                                      OpKind::kActivationBackward,
                                      OpKind::kAdd,
                                      OpKind::kEmbed,
                                      OpKind::kEmbedBackward,
                                      OpKind::kCrossEntropy,
                                      OpKind::kCrossEntropyBackward,
                                      OpKind::kParallelCrossEntropy,
                                      OpKind::kFusedCrossEntropy,
                                      OpKind::kAdamW};
  for (const std::string gpu : {"a100-sxm", "h100-sxm", "h200-sxm", "b200-sxm", "gb200"}) {
    const Profile profile = read_profile(kDirectory, gpu);
    for (const OpKind kind : sweeps) {
      const Op op{.kind = kind, .shape = SweepShape{8192, 8192}};
      const Estimate found = estimate(profile, op, profile.gpu.sms);
      EXPECT_NE(found.origin, Origin::kDatasheet) << gpu << ' ' << name(kind);
      const double reached = speed_of_light(op, profile.gpu, profile.gpu.sms) / found.time;
      EXPECT_GT(reached, 0.25) << gpu << ' ' << name(kind);
      EXPECT_LT(reached, 1.0) << gpu << ' ' << name(kind);
    }
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
