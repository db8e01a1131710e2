#include "sim/profile/op_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using ::testing::HasSubstr;

Op read(const std::string& text) {
  Mistakes mistakes;
  const TomlNode node = parse_toml(text, "point.toml");
  TomlTable table(node, "", mistakes);
  const Op op = read_op(table);
  table.finish();
  mistakes.throw_if_any();
  return op;
}

std::string mistakes_in(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(OpText, OfEveryKindReadsBackToTheSameOp) {
  for (const OpKind kind : all_op_kinds()) {
    for (const Precision precision : {Precision::kFp8Block, Precision::kBf16, Precision::kFp32}) {
      Op op = {.kind = kind, .precision = precision, .shape = SweepShape{4096, 7168}};
      if (family(kind) == OpFamily::kAttention) {
        op.shape = AttentionShape{.batch = 2,
                                  .heads = 128,
                                  .query = 512,
                                  .context = 4096,
                                  .qk_dim = 192,
                                  .v_dim = 128,
                                  .causal = precision == Precision::kBf16};
      } else if (is_compute_bound_kind(kind)) {
        const bool grouped = kind != OpKind::kGemm && precision == Precision::kFp8Block;
        op.shape = GemmShape{.m = 31104, .n = 4096, .k = 7168, .groups = grouped ? 4 : 1};
      }
      EXPECT_EQ(read(op_text(op)), op) << op_text(op);
    }
  }
}

TEST(OpText, NamesTheNearestKind) {
  EXPECT_THAT(mistakes_in("op = \"quantise\"\nprecision = \"bf16\"\nshape = {}\n"),
              HasSubstr("did you mean 'quantize'?"));
}

TEST(OpText, WithTheShapeOfAnotherFamilyReportsWhatIsMissingAndWhatIsTooMuch) {
  const std::string text =
      mistakes_in("op = \"gemm\"\nprecision = \"bf16\"\nshape = {rows = 4, columns = 8}\n");
  EXPECT_THAT(text, HasSubstr("missing key 'm'"));
  EXPECT_THAT(text, HasSubstr("missing key 'k'"));
  EXPECT_THAT(text, HasSubstr("unknown key 'rows'"));
}

TEST(OpText, HasGroupsOnlyWhereExpertsAreComputedTogether) {
  const std::string shape =
      "precision = \"bf16\"\nshape = {m = 8, n = 8, k = 8, groups = 2}\nop = ";
  EXPECT_THAT(mistakes_in(shape + "\"gemm\""), HasSubstr("unknown key 'groups'"));
  EXPECT_EQ(mistakes_in(shape + "\"grouped-gemm\""), "");
  EXPECT_EQ(mistakes_in(shape + "\"weight-gemm\""), "");
}

TEST(OpText, RefusesEmptyDimensions) {
  EXPECT_THAT(mistakes_in("op = \"norm\"\nprecision = \"bf16\"\nshape = {rows = 0, columns = 8}\n"),
              HasSubstr("at least 1"));
}

}  // namespace
}  // namespace towtank
