#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/tables/device_name.hpp"
#include "sim/profile/tables/op_filter.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST(KindsNamed, KnowsEveryKindFamilyAndTableByItsName) {
  for (const OpKind kind : all_op_kinds()) {
    EXPECT_THAT(kinds_named(name(kind)), Contains(kind));
    EXPECT_THAT(kinds_named(name(family(kind))), Contains(kind));
  }
  for (const TableLayout& layout : all_table_layouts()) {
    EXPECT_THAT(kinds_named(layout.kind), IsSupersetOf(layout.ops)) << layout.kind;
  }
}

TEST(KindsNamed, KnowsEverydayWords) {
  EXPECT_THAT(kinds_named("attention"),
              IsSupersetOf({OpKind::kAttentionForward, OpKind::kAttentionDecode}));
  EXPECT_THAT(kinds_named("mla"), IsSupersetOf({OpKind::kAttentionForward, OpKind::kMlaDecode}));
  EXPECT_THAT(kinds_named("MoE"), IsSupersetOf({OpKind::kMoeLayer, OpKind::kGroupedGemm}));
  EXPECT_THAT(kinds_named("nccl"), Contains(OpKind::kBroadcast));
  EXPECT_THAT(kinds_named("nccl"), Not(Contains(OpKind::kExpertDispatch)));
  EXPECT_THAT(kinds_named("deepep"), Contains(OpKind::kExpertCombineLowLatency));
  EXPECT_THAT(kinds_named("all_reduce"), ElementsAre(OpKind::kAllReduce));
  EXPECT_THAT(kinds_named("gemm"), ElementsAre(OpKind::kGemm, OpKind::kBatchedGemm));
}

TEST(KindsNamed, SuggestsForOtherWords) {
  try {
    kinds_named("atention");
    FAIL() << "not a word";
  } catch (const InputError& error) {
    EXPECT_THAT(error.diagnostics()[0].hint, HasSubstr("'attention'"));
  }
  EXPECT_THROW(kinds_named(""), InputError);
}

TEST(DeviceInName, IsAWholeWord) {
  EXPECT_EQ(device_in_name("dss__H800_dense_gemm"), "h800");
  EXPECT_EQ(device_in_name("gb200__comm"), "gb200");
  EXPECT_EQ(device_in_name("holdout_h100_sxm_gemm"), "h100_sxm");
  EXPECT_EQ(device_in_name("sh800x"), "");
  EXPECT_EQ(device_in_name("h100_pairwise_nvlink__all_reduce"), "") << "another machine";
}

}  // namespace
}  // namespace towtank
