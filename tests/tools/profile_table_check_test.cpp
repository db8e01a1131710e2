// What `towtank profile check` computes, on profiles whose answers are known.
#include "tools/profile_table_check.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/tools/profile_maker.hpp"

namespace towtank {
namespace {

using testing::HasSubstr;

/// The table with every time changed by a factor.
SampleTable slower(double factor, const std::string& library = "trtllm") {
  SampleTable table = gemm_table(library);
  for (Sample& sample : table.samples) {
    sample.time *= factor;
  }
  return table;
}

TEST(CheckTables, AProfileThatKeptEveryRowReproducesIt) {
  const ProfileCheck check = check_tables(gpu_with_gemms(), {gemm_table("trtllm")}, {});
  EXPECT_EQ(check.all.rows, gemm_table("trtllm").samples.size());
  EXPECT_EQ(check.all.covered, check.all.rows);
  ASSERT_TRUE(check.all.errors);
  EXPECT_LT(check.all.errors->p90, 1e-3);  // times are kept to four digits
  EXPECT_DOUBLE_EQ(check.all.errors->within, 1.0);
  EXPECT_TRUE(check.notes.empty());
}

TEST(CheckTables, ErrorsHaveTheSignOfTheEstimate) {
  const ProfileCheck check = check_tables(gpu_with_gemms(), {slower(2.0)}, {});
  EXPECT_NEAR(check.all.errors->bias, -0.5, 1e-3);
  EXPECT_NEAR(check.all.errors->median, 0.5, 1e-3);
  EXPECT_DOUBLE_EQ(check.all.errors->within, 0.0);
}

TEST(CheckTables, FiguresFollowFromTheEstimatesRowByRow) {
  const Profile profile = gpu_with_gemms();
  SampleTable table = gemm_table("trtllm");
  for (std::size_t i = 0; i < table.samples.size(); ++i) {
    table.samples[i].time *= 1.0 + 0.001 * static_cast<double>(i % 97);
  }
  std::vector<double> errors;
  for (const Sample& sample : table.samples) {
    errors.push_back(
        std::abs(estimate(profile, sample.op, 100, "trtllm").time / sample.time - 1.0));
  }
  std::ranges::sort(errors);
  ASSERT_EQ(errors.size() % 2, 1U);
  const ProfileCheck check = check_tables(profile, {table}, {});
  EXPECT_DOUBLE_EQ(check.all.errors->median, errors[errors.size() / 2]);
  EXPECT_DOUBLE_EQ(std::abs(check.all.errors->worst), errors.back());
  ASSERT_EQ(check.worst.size(), 10U);
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_DOUBLE_EQ(std::abs(check.worst[i].error), errors[errors.size() - 1 - i]);
  }
}

TEST(CheckTables, AnUnknownLibraryIsAnsweredByTheDefaultAndThatIsSaid) {
  const ProfileCheck check = check_tables(gpu_with_gemms("trtllm"), {gemm_table("vllm")}, {});
  EXPECT_EQ(check.all.covered, check.all.rows);
  ASSERT_EQ(check.groups.size(), 1U);
  EXPECT_EQ(check.groups[0].library, "vllm");
  ASSERT_EQ(check.notes.size(), 1U);
  EXPECT_THAT(check.notes[0], HasSubstr("small knows no gemm bf16 by vllm"));
}

TEST(CheckTables, AKernelOfALibraryIsAnsweredByTheLibrary) {
  const ProfileCheck check =
      check_tables(gpu_with_gemms("vllm"), {gemm_table("vllm/deepgemm")}, {});
  ASSERT_EQ(check.notes.size(), 1U);
  EXPECT_THAT(check.notes[0], HasSubstr("estimated as by vllm"));
}

TEST(CheckTables, ALibraryIsKnownByASingleMeasurementToo) {
  Profile profile = gpu_with_gemms("trtllm");
  const Sample sample = gemm_table("cublas").samples[40];
  profile.points = {{.op = sample.op,
                     .sms = 100,
                     .time = 2.0 * sample.time,
                     .spread = 0.02,
                     .source = "datasheet",
                     .library = "cublas"}};
  SampleTable table = gemm_table("cublas");
  table.samples = {sample};
  const ProfileCheck check = check_tables(profile, {table}, {});
  EXPECT_TRUE(check.notes.empty());
  EXPECT_NEAR(check.all.errors->worst, 1.0, 1e-9);
}

TEST(CheckTables, RowsOfWhichNothingWasMeasuredAreNotCovered) {
  SampleTable table = gemm_table("trtllm");
  for (Sample& sample : table.samples) {
    sample.op.precision = Precision::kFp8;
  }
  const ProfileCheck check = check_tables(gpu_with_gemms(), {table}, {});
  EXPECT_EQ(check.all.rows, table.samples.size());
  EXPECT_EQ(check.all.covered, 0U);
  EXPECT_FALSE(check.all.errors);
}

TEST(CheckTables, RowsThatCannotBeUsedCountAgainstCoverage) {
  SampleTable table = gemm_table("trtllm");
  table.skipped = {{.reason = "no such precision", .rows = table.samples.size()}};
  const ProfileCheck check = check_tables(gpu_with_gemms(), {table}, {});
  EXPECT_DOUBLE_EQ(check.all.coverage(), 0.5);
  ASSERT_EQ(check.notes.size(), 1U);
  EXPECT_THAT(check.notes[0], HasSubstr("no such precision"));
}

TEST(CheckTables, OnlyTheOpsAskedForCount) {
  SampleTable table = gemm_table("trtllm");
  table.samples.push_back({.op = {.kind = OpKind::kCopy,
                                  .precision = Precision::kBf16,
                                  .shape = SweepShape{.rows = 10, .columns = 10}},
                           .sms = 0,
                           .library = "",
                           .time = 1.0 * microsecond,
                           .line = 1});
  const Profile profile = gpu_with_gemms();
  EXPECT_EQ(check_tables(profile, {table}, {.kinds = {OpKind::kGemm}, .library = {}}).all.rows,
            table.samples.size() - 1);
  EXPECT_EQ(check_tables(profile, {table}, {.kinds = {OpKind::kCopy}, .library = {}}).all.rows, 1U);
  EXPECT_EQ(check_tables(profile, {table}, {.kinds = {OpKind::kRope}, .library = {}}).all.rows, 0U);
}

TEST(CheckTables, PrecisionsOfTheCacheAreReportedApart) {
  const auto decode = [](Precision cache) {
    return Sample{.op = {.kind = OpKind::kAttentionDecode,
                         .precision = Precision::kBf16,
                         .shape = AttentionShape{.batch = 8,
                                                 .heads = 32,
                                                 .query = 1,
                                                 .context = 1024,
                                                 .qk_dim = 128,
                                                 .v_dim = 128,
                                                 .causal = true,
                                                 .kv_heads = 8,
                                                 .window = 0,
                                                 .kv_precision = cache}},
                  .sms = 0,
                  .library = "trtllm",
                  .time = 30.0 * microsecond,
                  .line = 2};
  };
  SampleTable table = gemm_table("trtllm");
  table.samples = {decode(Precision::kBf16), decode(Precision::kFp8), decode(Precision::kBf16)};
  const ProfileCheck check = check_tables(small_gpu(), {table}, {});
  ASSERT_EQ(check.groups.size(), 2U);
  EXPECT_EQ(check.groups[0].precision, "bf16");
  EXPECT_EQ(check.groups[0].figures.rows, 2U);
  EXPECT_EQ(check.groups[1].precision, "bf16, fp8 cache");
}

TEST(CheckTables, WhatTheProfileCannotSpeakOfIsAnUncoveredRowAndNoCrash) {
  SampleTable table = gemm_table("nccl");
  table.samples = {{.op = {.kind = OpKind::kAllReduce,
                           .precision = Precision::kBf16,
                           .shape = CollectiveShape{.ranks = 8, .nodes = 1, .bytes = 1 << 20}},
                    .sms = 0,
                    .library = "nccl",
                    .time = 30.0 * microsecond,
                    .line = 2}};
  const ProfileCheck check = check_tables(gpu_with_gemms(), {table}, {});
  EXPECT_EQ(check.all.rows, 1U);
  EXPECT_EQ(check.all.covered, 0U);
  ASSERT_EQ(check.notes.size(), 1U);
  EXPECT_THAT(check.notes[0], HasSubstr("nvlink"));
}

TEST(CheckTables, WhatIsMissingIsAskedRowByRow) {
  const auto all_reduce = [](std::int64_t ranks, std::int64_t nodes, std::size_t line) {
    return Sample{
        .op = {.kind = OpKind::kAllReduce,
               .precision = Precision::kBf16,
               .shape = CollectiveShape{.ranks = ranks, .nodes = nodes, .bytes = 1 << 20}},
        .sms = 0,
        .library = "nccl",
        .time = 30.0 * microsecond,
        .line = line};
  };
  Profile profile = small_gpu();
  profile.gpu.nvlink = 450.0 * GB / second;
  SampleTable table = gemm_table("nccl");
  table.file = "mine.toml";
  table.samples = {all_reduce(8, 1, 5), all_reduce(16, 2, 11), all_reduce(32, 4, 17)};
  const ProfileCheck check = check_tables(profile, {table}, {});
  EXPECT_EQ(check.all.rows, 3U);
  ASSERT_EQ(check.groups.size(), 1U);
  ASSERT_FALSE(check.notes.empty());
  EXPECT_THAT(check.notes[0], HasSubstr("in 2 rows (the first: mine.toml:11): it lacks gpu.nic"));
}

TEST(CheckTables, RowsOnMoreSmsThanTheGpuHasAreRefused) {
  SampleTable sound = gemm_table("trtllm");
  sound.samples[3].sms = 100;
  SampleTable table = sound;
  table.file = "other.csv";
  table.samples[7].sms = 101;
  table.samples[9].sms = 200;
  const Profile profile = gpu_with_gemms();
  EXPECT_EQ(check_tables(profile, {sound}, {}).all.rows, sound.samples.size());
  try {
    check_tables(profile, {sound, table}, {});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    EXPECT_EQ(error.diagnostics()[0].place.file, "other.csv");
    EXPECT_EQ(error.diagnostics()[0].place.line, static_cast<int>(table.samples[7].line));
    EXPECT_THAT(error.diagnostics()[0].message, HasSubstr("101 SMs, but small has 100"));
    EXPECT_THAT(error.diagnostics()[0].hint, HasSubstr("all 2 such rows"));
  }
}

}  // namespace
}  // namespace towtank
