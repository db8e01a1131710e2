#include "tools/profile_kernels.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/profile/fit/directions.hpp"
#include "sim/profile/op_text.hpp"
#include "tools/profile_device.hpp"

namespace towtank {
namespace {

KernelFit fit_like(const Op& op) {
  KernelFit fit;
  fit.key = key_of(op, "any");
  for (const std::vector<Axis>& direction : directions_of(op.kind)) {
    fit.axes.insert(fit.axes.end(), direction.begin(), direction.end());
  }
  return fit;
}

TEST(OpAt, UndoesThePlaceOfEveryKindOfOp) {
  constexpr int kSms = 24;
  for (const OpKind kind : all_op_kinds()) {
    const Op op = example_op(kind);
    const KernelFit fit = fit_like(op);
    const std::vector<double> at = place_of(op, kSms, fit.axes);
    const Op back = op_at(fit, at);
    EXPECT_EQ(key_of(back, "any"), fit.key) << describe(op);
    const std::vector<double> place = place_of(back, kSms, fit.axes);
    ASSERT_EQ(place.size(), at.size());
    for (std::size_t i = 0; i < at.size(); ++i) {
      EXPECT_NEAR(place[i], at[i], 1e-9) << describe(op) << " " << name(fit.axes[i]);
    }
    EXPECT_NEAR(flops(back) / Flops(1.0), flops(op) / Flops(1.0), 1e-6 * flops(op).si())
        << describe(op) << " became " << describe(back);
    EXPECT_NEAR(memory_traffic(back).si(), memory_traffic(op).si(), 1e-6 * memory_traffic(op).si())
        << describe(op) << " became " << describe(back);
  }
}

TEST(SmsAt, AreThoseOfTheRowWhereTheyAreAnAxis) {
  const Op op = example_op(OpKind::kExpertDispatch);
  KernelFit fit = fit_like(op);
  EXPECT_EQ(sms_at(fit, place_of(op, 24, fit.axes), 132), 24);
  fit = fit_like(example_op(OpKind::kGemm));
  EXPECT_EQ(sms_at(fit, {1.0, 1.0, 1.0}, 132), 132);
  fit.sms = 100;
  EXPECT_EQ(sms_at(fit, {1.0, 1.0, 1.0}, 132), 100);
}

TEST(VariantText, TellsApartWhatIsNoSize) {
  Op op = example_op(OpKind::kAttentionForward);
  auto& attention = std::get<AttentionShape>(op.shape);
  attention.v_dim = attention.qk_dim;
  op.precision = Precision::kBf16;
  EXPECT_EQ(variant_text(op), "bf16");
  attention.kv_precision = Precision::kFp8;
  attention.window = 128;
  EXPECT_EQ(variant_text(op), "bf16, fp8 cache, window 128");
  attention.v_dim = attention.qk_dim / 2;
  EXPECT_EQ(variant_text(key_of(op, "any")), "bf16, window 128, MLA");
  op = example_op(OpKind::kMoeLayer);
  op.precision = Precision::kFp8;
  std::get<MoeShape>(op.shape).gated = false;
  EXPECT_EQ(variant_text(op), "fp8, ungated");
  op = example_op(OpKind::kAllReduce);
  op.precision = Precision::kFp32;
  EXPECT_EQ(variant_text(op), "fp32");
  EXPECT_EQ(variant_text(key_of(op, "nccl")), "any");  // bytes of an element are a size
}

TEST(ProfileOfDevice, FindsTheGpuInTheNamesThatDriversAndTablesGiveIt) {
  const std::vector<std::string> known = {
      "a100-sxm", "b200-sxm", "gb200", "h100-sxm", "h20-sxm", "h200-sxm", "h800-sxm"};
  EXPECT_EQ(profile_of_device("NVIDIA H100 80GB HBM3", known), "h100-sxm");
  EXPECT_EQ(profile_of_device("h100_sxm", known), "h100-sxm");
  EXPECT_EQ(profile_of_device("NVIDIA H20", known), "h20-sxm");
  EXPECT_EQ(profile_of_device("NVIDIA A100-SXM4-80GB", known), "a100-sxm");
  EXPECT_EQ(profile_of_device("NVIDIA GB200", known), "gb200");
}

TEST(ProfileOfDevice, NeverGuesses) {
  const std::vector<std::string> known = {"h100-sxm", "h100-nvl", "l40s"};
  EXPECT_EQ(profile_of_device("NVIDIA H100 80GB HBM3", {known.begin() + 1, known.end()}),
            "h100-nvl");                                            // the only H100 there is
  EXPECT_FALSE(profile_of_device("NVIDIA H100 80GB HBM3", known));  // which of the two?
  EXPECT_EQ(profile_of_device("NVIDIA H100 NVL", known), "h100-nvl");
  EXPECT_FALSE(profile_of_device("NVIDIA H100 PCIe", known));
  EXPECT_FALSE(profile_of_device("NVIDIA H1000", known));
  EXPECT_FALSE(profile_of_device("", known));
}

}  // namespace
}  // namespace towtank
