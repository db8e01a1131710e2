// `towtank profile import`: what becomes of measured times, and that nothing is ever half done.
#include <algorithm>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/toml_document.hpp"
#include "tests/tools/profile_maker.hpp"
#include "tools/commands.hpp"
#include "tools/profile_file.hpp"
#include "tools/profile_fitting.hpp"
#include "tools/profile_table_check.hpp"

namespace towtank {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Runs the program's `profile` command in this process.
void run(std::vector<std::string> words) {
  CLI::App program("", "towtank");
  Invocation invocation;
  add_profile(program, invocation);
  words.insert(words.begin(), "profile");
  std::ranges::reverse(words);  // CLI11 takes them from the back
  testing::internal::CaptureStdout();
  try {
    program.parse(words);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  testing::internal::GetCapturedStdout();
}

using ProfileImport = ProfileFolder;

TEST_F(ProfileImport, AFullTableIsReproducedRowByRow) {
  write("gemm_perf.csv", gemm_csv());
  run({"import", "gemm_perf.csv", "--base", "small", "--output", "mine.toml", "--date", "2025"});
  const Profile mine = read_profile_named_or_at("profiles", "mine.toml");
  EXPECT_EQ(mine.gpu.name, "mine");
  EXPECT_EQ(mine.gpu.sms, 100);
  ASSERT_EQ(mine.fits.size(), 1U);
  EXPECT_EQ(mine.fits[0].points.size(), gemm_table("trtllm").samples.size());
  const ProfileCheck check = check_tables(mine, {gemm_table("trtllm")}, {});
  EXPECT_LT(check.all.errors->p90, 1e-3);
  EXPECT_THAT(files(), ElementsAre("gemm_perf.csv", "mine.toml", "profiles"));
}

TEST_F(ProfileImport, ACompactProfileKeepsTheFitAndAFewRows) {
  write("gemm_perf.csv", gemm_csv());
  run({"import", "gemm_perf.csv", "--base", "small", "--output", "mine.toml", "--compact"});
  const Profile mine = read_profile_named_or_at("profiles", "mine.toml");
  ASSERT_EQ(mine.fits.size(), 1U);
  EXPECT_FALSE(mine.fits[0].complete);
  EXPECT_LT(mine.fits[0].points.size(), 50U);
  const ProfileCheck check = check_tables(mine, {gemm_table("trtllm")}, {});
  EXPECT_LT(check.all.errors->median, 0.05);
}

TEST_F(ProfileImport, IntoReplacesTheLearntPartAndKeepsTheRestToTheLetter) {
  const std::string head = profile_head("small", "\n# a remark that people wrote\n");
  write("profiles/small.toml", head + std::string(kGeneratedMarker) + "\n\n[this was = 'broken'\n");
  write("gemm_perf.csv", gemm_csv());
  run({"import", "gemm_perf.csv", "--into", "profiles/small.toml", "--compact", "--date", "2025"});
  const std::string first = text_of("profiles/small.toml");
  EXPECT_TRUE(first.starts_with(head + "\n" + std::string(kGeneratedMarker) + "\n"));
  EXPECT_EQ(read_profile("profiles", "small").fits.size(), 1U);
  run({"import", "gemm_perf.csv", "--into", "profiles/small.toml", "--compact", "--date", "2025"});
  EXPECT_EQ(text_of("profiles/small.toml"), first);  // same input, same bytes
}

TEST_F(ProfileImport, AMalformedTableLeavesEverythingAsItWas) {
  const std::string before = text_of("profiles/small.toml");
  std::string broken = gemm_csv();
  broken.replace(broken.rfind(',') + 1, 1, "x");
  write("gemm_perf.csv", broken);
  write("other_gemm_perf.csv", gemm_csv());
  try {
    run({"import", "other_gemm_perf.csv", "gemm_perf.csv", "--into", "profiles/small.toml"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    EXPECT_EQ(error.diagnostics()[0].place.file, "gemm_perf.csv");
    EXPECT_EQ(error.diagnostics()[0].place.line,
              static_cast<int>(gemm_table("trtllm").samples.size() + 1));
  }
  EXPECT_EQ(text_of("profiles/small.toml"), before);
  EXPECT_THROW(run({"import", "gemm_perf.csv", "--base", "small", "--output", "mine.toml"}),
               InputError);
  EXPECT_THAT(files(), ElementsAre("gemm_perf.csv", "other_gemm_perf.csv", "profiles"));
}

TEST_F(ProfileImport, WhatWouldBeNoSoundProfileIsNotPutInPlace) {
  write("kept.toml", "as it was");
  EXPECT_THROW(write_profile("kept.toml", profile_head("kept") + "colour = 3\n", "profiles"),
               InputError);
  EXPECT_EQ(text_of("kept.toml"), "as it was");
  EXPECT_THAT(files(), ElementsAre("kept.toml", "profiles"));
}

TEST_F(ProfileImport, AFileThatIsThereIsReplacedOnlyByForce) {
  write("gemm_perf.csv", gemm_csv());
  write("mine.toml", "precious");
  const std::vector<std::string> words = {
      "import", "gemm_perf.csv", "--base", "small", "--output", "mine.toml", "--compact"};
  EXPECT_THROW(run(words), UsageError);
  EXPECT_EQ(text_of("mine.toml"), "precious");
  std::vector<std::string> forced = words;
  forced.emplace_back("--force");
  run(forced);
  EXPECT_EQ(read_profile_named_or_at("profiles", "mine.toml").fits.size(), 1U);
}

TEST_F(ProfileImport, AGpuNeverGetsAnothersNumbers) {
  write("profiles/large.toml", profile_head("large"));
  write("large__gemm__gemm_perf__trtllm-1.0.csv", gemm_csv());
  try {
    run({"import", "large__gemm__gemm_perf__trtllm-1.0.csv", "--into", "profiles/small.toml"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("was measured on large"));
  }
  // The table's own GPU is found without --base.
  run({"import", "large__gemm__gemm_perf__trtllm-1.0.csv", "--output", "mine.toml", "--compact"});
}

TEST_F(ProfileImport, WithoutAKnownGpuThereIsNothingToStartFrom) {
  write("gemm_perf.csv", gemm_csv());
  EXPECT_THROW(run({"import", "gemm_perf.csv", "--output", "mine.toml"}), UsageError);
}

TEST_F(ProfileImport, ANewProfileKeepsWhatItsBaseLearntOfOtherKernels) {
  write("gemm_perf.csv", gemm_csv());
  run({"import", "gemm_perf.csv", "--into", "profiles/small.toml", "--compact"});
  std::string fp8 = gemm_csv();
  for (std::size_t at = fp8.find("bfloat16"); at != std::string::npos;
       at = fp8.find("bfloat16", at)) {
    fp8.replace(at, 8, "fp8");
  }
  write("fp8_gemm_perf.csv", fp8);
  run({"import", "fp8_gemm_perf.csv", "--base", "small", "--output", "mine.toml", "--compact"});
  const Profile mine = read_profile_named_or_at("profiles", "mine.toml");
  ASSERT_EQ(mine.fits.size(), 2U);
  EXPECT_EQ(mine.fits[0].key.precision, Precision::kFp8);  // what is new answers first
  EXPECT_EQ(mine.fits[1].key.precision, Precision::kBf16);
  EXPECT_NE(mine.fits[0].source, mine.fits[1].source);
}

TEST_F(ProfileImport, UnknownNamesGetSuggestions) {
  write("gemm_perf.csv", gemm_csv());
  try {
    run({"check", "smal", "gemm_perf.csv"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_THAT(error.diagnostics()[0].hint, HasSubstr("did you mean 'small'?"));
  }
  EXPECT_THROW(run({"check", "small", "gemm_perf.csv", "--op", "gem"}), InputError);
  EXPECT_THROW(run({"check", "small", "gemm_perf.csv", "--op", "all-reduce"}), UsageError);
  EXPECT_THROW(run({"explain", "gemmm", "m=1", "--gpu", "small"}), InputError);
  run({"import", "gemm_perf.csv", "--into", "profiles/small.toml", "--compact"});
  const std::vector<std::string> words = {"m=1", "n=512", "k=512", "--gpu", "small", "--library"};
  const auto explain_as = [&words](const std::string& library) {
    std::vector<std::string> all = {"explain", "gemm"};
    all.insert(all.end(), words.begin(), words.end());
    all.push_back(library);
    run(all);
  };
  explain_as("trtllm");
  try {
    explain_as("trtlm");
    FAIL() << "expected a UsageError";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.hint(), "did you mean 'trtllm'?");
  }
}

TEST_F(ProfileImport, OfATraceSaysWhatIsNotMapped) {
  const std::string root = TOWTANK_SOURCE_DIR;
  const Measurements trace = read_measurements(
      root + "/tests/transcripts/tables/trace.json",
      {.kernel_map = root + "/profiles/kernel-maps/kineto.toml", .source = {}, .date = "2026"});
  EXPECT_TRUE(trace.single);
  ASSERT_EQ(trace.table.samples.size(), 1U);  // three launches of one op
  EXPECT_EQ(trace.table.samples[0].time, 170.0 * microsecond);
  EXPECT_NEAR(trace.mapped / microsecond, 168.0 + 171.5 + 170.0, 1e-6);
  EXPECT_NEAR(trace.unmapped / microsecond, 88.0, 1e-6);
  ASSERT_EQ(trace.unmapped_kernels.size(), 1U);
  EXPECT_EQ(trace.unmapped_kernels[0].name, "void ours::secret_sauce<8, 16>(float*)");
}

TEST(Learn, FewRowsBecomeSingleMeasurements) {
  SampleTable table = gemm_table("cublas");
  table.samples.resize(3);
  table.samples.push_back(table.samples.front());
  table.samples.back().time *= 1.2;
  const LearntPart part = learn({measured(table)}, small_gpu(), {});
  EXPECT_TRUE(part.fits.empty());
  ASSERT_EQ(part.points.size(), 3U);
  EXPECT_NEAR(part.points[0].time / table.samples[0].time, 1.1, 1e-9);  // the median of two
  EXPECT_NEAR(part.points[0].spread, 0.5 * 0.9 * 0.2 / 1.1, 1e-9);
  EXPECT_DOUBLE_EQ(part.points[1].spread, 0.03);
  EXPECT_EQ(part.points[1].sms, 100);
  EXPECT_EQ(part.points[1].library, "cublas");
  EXPECT_EQ(part.points[1].source, part.sources[0].key);
}

TEST(Learn, KernelsOfATraceAreSingleMeasurementsHoweverLikeATable) {
  Measurements trace = measured(gemm_table("cublas"));
  trace.single = true;
  trace.table.samples.resize(150);
  EXPECT_EQ(learn({trace}, small_gpu(), {}).points.size(), 150U);
}

TEST(Learn, PartsOfOneTableAreFittedTogether) {
  SampleTable one = gemm_table("trtllm");
  SampleTable other = one;
  one.samples.resize(60);
  other.samples.erase(other.samples.begin(), other.samples.begin() + 60);
  other.file = "the rest.csv";
  const LearntPart part = learn({measured(one), measured(other)}, small_gpu(), {});
  ASSERT_EQ(part.fits.size(), 1U);
  EXPECT_EQ(part.fits[0].rows, 175);
  ASSERT_EQ(part.sources.size(), 1U);
  EXPECT_THAT(part.sources[0].text, HasSubstr("the rest.csv: 115 times"));
}

TEST(Learn, TwoVersionsOfOneKernelAreAMistake) {
  const std::vector<Measurements> files = {measured(gemm_table("trtllm", "1.0")),
                                           measured(gemm_table("trtllm", "2.0"))};
  EXPECT_THROW(learn(files, small_gpu(), {}), InputError);
}

/// A file of all-reduces measured one by one, each among so many ranks on so many nodes.
std::string own_all_reduces(const std::vector<std::pair<int, int>>& ranks_and_nodes) {
  std::string text =
      "device = \"small\"\ndate = \"2026\"\nsource = \"by hand\"\nlibrary = \"nccl\"\n";
  for (const auto& [ranks, nodes] : ranks_and_nodes) {
    text += fmt::format(
        "[[measured]]\nop = \"all-reduce\"\nprecision = \"bf16\"\n"
        "shape = {{ranks = {}, nodes = {}, bytes = 1048576}}\ntime = \"40 us\"\n",
        ranks,
        nodes);
  }
  return text;
}

TEST_F(ProfileImport, ARowThatNeedsABandwidthTheProfileLacksIsNamed) {
  std::string head = profile_head("small");
  head.replace(head.find("sms = 100"), 9, "sms = 100\nnvlink = \"450 GB/s\"");
  write("profiles/small.toml", head);
  write("mine.toml", own_all_reduces({{8, 1}, {16, 2}, {32, 4}}));
  try {
    run({"import", "mine.toml", "--output", "new.toml"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    ASSERT_EQ(error.diagnostics().size(), 1U);
    EXPECT_EQ(to_string(error.diagnostics()[0].place), "mine.toml:10");
    EXPECT_THAT(error.diagnostics()[0].message, HasSubstr("it lacks gpu.nic"));
    EXPECT_THAT(error.diagnostics()[0].hint, HasSubstr("[gpu] of the profile: nic = "));
  }
  run({"check", "small", "mine.toml"});
  head.replace(head.find("sms = 100"), 9, "sms = 100\nnic = \"50 GB/s\"");
  write("profiles/small.toml", head);
  run({"import", "mine.toml", "--output", "new.toml"});
  EXPECT_EQ(read_profile_named_or_at("profiles", "new.toml").points.size(), 3U);
}

TEST_F(ProfileImport, RowsOnMoreSmsThanTheGpuHasAreNamedInTheirTable) {
  const std::string columns =
      "node_num,hidden_size,num_token,num_topk,num_experts,dispatch_sms,dispatch_transmit_us,"
      "dispatch_notify_us,combine_sms,combine_transmit_us,combine_notify_us\n";
  write("wideep_deepep_normal_perf.csv",
        columns + "1,7168,4096,8,256,20,1697.5,69.5,20,3545.0,110.25\n" +
            "1,7168,4096,8,256,200,1697.5,69.5,20,3545.0,110.25\n");
  try {
    run({"import", "wideep_deepep_normal_perf.csv", "--base", "small", "--output", "new.toml"});
    FAIL() << "expected an InputError";
  } catch (const InputError& error) {
    EXPECT_EQ(to_string(error.diagnostics()[0].place), "wideep_deepep_normal_perf.csv:3");
    EXPECT_THAT(error.diagnostics()[0].message, HasSubstr("200 SMs, but small has 100"));
  }
  EXPECT_THROW(run({"check", "small", "wideep_deepep_normal_perf.csv"}), InputError);
}

TEST(Learn, KeysOfSourcesAvoidThoseOfTheBase) {
  Profile base = small_gpu();
  base.sources.push_back({.key = "gemm_perf-trtllm-1-0", .text = "another", .date = "2024"});
  SampleTable table = gemm_table("trtllm");
  table.samples.resize(2);
  EXPECT_EQ(learn({measured(table)}, base, {}).sources[0].key, "gemm_perf-trtllm-1-0-2");
}

TEST(ProfileText, StringsSurviveToml) {
  const std::string odd = "a \"quoted\" \\ path\twith\nlines";
  const TomlNode node = parse_toml("x = " + toml_string(odd) + "\n", "test");
  EXPECT_EQ(std::get<std::string>(find_member(node, "x")->node.value), odd);
}

TEST(ProfileText, IsRenamedAtTheTopOnly) {
  const std::string text = "# name = \"a\"\nname = \"a\"\n[gpu]\nname = \"b\"\n";
  EXPECT_EQ(renamed(text, "c"), "# name = \"a\"\nname = \"c\"\n[gpu]\nname = \"b\"\n");
}

}  // namespace
}  // namespace towtank
