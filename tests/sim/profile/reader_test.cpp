#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A directory of profiles that lives as long as the test.
class ProfileDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 (std::string("towtank-") + test->test_suite_name() + "-" + test->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& gpu, const std::string& text) const {
    std::ofstream(directory_ / (gpu + ".toml")) << text;
  }
  Profile read(const std::string& gpu) const { return read_profile(directory_.string(), gpu); }

  /// What reading reports, with the directory cut away.
  std::string mistakes_of(const std::string& gpu) const {
    try {
      read(gpu);
    } catch (const InputError& error) {
      std::string text;
      for (Diagnostic diagnostic : error.diagnostics()) {
        diagnostic.place.file = std::filesystem::path(diagnostic.place.file).filename().string();
        text += to_string(diagnostic) + "\n";
      }
      return text;
    }
    return "";
  }

  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
};

std::string head(const std::string& name, const std::string& bandwidth = "3.35 TB/s") {
  return "name = \"" + name + "\"\n" + R"(
[gpu]
sms = 132
bf16_peak = "989.4 TFLOPS"
fp8_peak = "1978.9 TFLOPS"
memory_bandwidth = ")" +
         bandwidth + R"("
memory = "80 GiB"
source = "sheet"
[sources.sheet]
text = "a datasheet"
date = "2023-03"
[sources.run]
text = "a run"
date = "2025-02-26"
[launch]
time = "2 us"
source = "run"
[fallback]
compute = 0.5
memory = 0.6
link = 0.7
error = 0.3
source = "sheet"
)";
}

const std::string kGemm = R"(
[[measured]]
op = "gemm"
precision = "fp8-block"
shape = {m = 4096, n = 7168, k = 16384}
sms = 112
time = "895 us"
spread = 0.03
source = "run"
)";

const std::string kNorm = R"(
[[measured]]
op = "norm"
precision = "bf16"
shape = {rows = 4096, columns = 7168}
sms = 112
time = "60 us"
spread = 0.03
source = "run"
)";

const std::string kDispatch = R"(
[[link]]
kind = "dispatch"
medium = "nic"
alone = 0.9
shared = 0.5
start_up = "20 us"
error = 0.1
source = "run"
)";

std::string transfer_from(const std::string& gpu) {
  return "[transfer]\nfrom = \"" + gpu + "\"\nreason = \"same die\"\nerror = 0.05\n";
}

std::string replaced(std::string text, const std::string& old, const std::string& with) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), with);
}

const Op kMeasuredGemm = {.kind = OpKind::kGemm,
                          .precision = Precision::kFp8Block,
                          .shape = GemmShape{.m = 4096, .n = 7168, .k = 16384}};

using ProfileReader = ProfileDirectory;

TEST_F(ProfileReader, ReadsWhatTheFileSays) {
  write("a", head("a") + kDispatch + kGemm + kNorm);
  const Profile profile = read("a");
  EXPECT_EQ(profile.gpu.name, "a");
  EXPECT_EQ(profile.gpu.sms, 132);
  EXPECT_NEAR(profile.gpu.fp8_peak.si(), 1978.9e12, 1.0);
  EXPECT_NEAR(profile.gpu.memory_bandwidth.si(), 3.35e12, 1.0);
  EXPECT_DOUBLE_EQ(profile.gpu.memory / GiB, 80.0);
  EXPECT_NEAR(profile.launch / microsecond, 2.0, 1e-12);
  EXPECT_DOUBLE_EQ(profile.fallback.memory, 0.6);
  ASSERT_EQ(profile.sources.size(), 2U);
  EXPECT_EQ(profile.sources[0].key, "run");
  EXPECT_EQ(profile.sources[0].date, "2025-02-26");
  ASSERT_EQ(profile.points.size(), 2U);
  EXPECT_EQ(profile.points[0].op, kMeasuredGemm);
  EXPECT_EQ(profile.points[0].sms, 112);
  EXPECT_NEAR(profile.points[0].time / microsecond, 895.0, 1e-9);
  EXPECT_DOUBLE_EQ(profile.points[0].spread, 0.03);
  EXPECT_EQ(profile.points[0].source, "run");
  EXPECT_FALSE(profile.points[0].transferred);
  EXPECT_EQ(estimate(profile, kMeasuredGemm, 112).origin, Origin::kMeasured);
}

TEST_F(ProfileReader, AnUnlistedLinkGetsTheFallbackAndIsLabelledSo) {
  write("a", head("a") + kDispatch);
  const Profile profile = read("a");
  const LinkEfficiency& listed = profile.link(TransferKind::kDispatch, Medium::kNic);
  EXPECT_EQ(listed.origin, Origin::kMeasured);
  EXPECT_DOUBLE_EQ(listed.alone, 0.9);
  EXPECT_DOUBLE_EQ(listed.shared, 0.5);
  EXPECT_EQ(listed.source, "run");
  const LinkEfficiency& assumed = profile.link(TransferKind::kDispatch, Medium::kNvlink);
  EXPECT_EQ(assumed.origin, Origin::kDatasheet);
  EXPECT_DOUBLE_EQ(assumed.shared, 0.7);
  EXPECT_DOUBLE_EQ(assumed.error, 0.3);
  EXPECT_EQ(assumed.start_up, profile.launch);
}

TEST_F(ProfileReader, ReportsEveryMistakeAtItsPlace) {
  std::string text = head("a") + kDispatch + kGemm + kNorm;
  text = replaced(text, "sms = 132", "sms = \"many\"");                       // line 4
  text = replaced(text, "\"3.35 TB/s\"", "3.35");                             // line 7
  text = replaced(text, "date = \"2023-03\"", "date = \"last spring\"");      // line 12
  text = replaced(text, "medium = \"nic\"", "medium = \"nick\"");             // line 28
  text = replaced(text, "precision = \"fp8-block\"", "precision = \"fp9\"");  // line 37
  text = replaced(text, "rows = 4096", "row = 4096");                         // line 47
  write("a", text);
  const std::string mistakes = mistakes_of("a");
  EXPECT_THAT(mistakes, HasSubstr("a.toml:4:7: 'gpu.sms': expected an integer"));
  EXPECT_THAT(mistakes, HasSubstr("a.toml:7:20: 'gpu.memory_bandwidth'"));
  EXPECT_THAT(mistakes, HasSubstr("a.toml:12:8: 'sources.sheet.date': \"last spring\""));
  EXPECT_THAT(mistakes, HasSubstr("a.toml:28:10: "));
  EXPECT_THAT(mistakes, HasSubstr("did you mean 'nic'?"));
  EXPECT_THAT(mistakes, HasSubstr("a.toml:37:13: "));
  EXPECT_THAT(mistakes, HasSubstr("a.toml:47:10: unknown key 'row'"));
  EXPECT_THAT(mistakes, HasSubstr("did you mean 'rows'?"));
  EXPECT_EQ(std::ranges::count(mistakes, '\n'), 6 + 5)
      << mistakes;  // six, five of them with a hint
}

TEST_F(ProfileReader, EveryNumberMustNameASource) {
  const std::string unknown = replaced(kGemm, "source = \"run\"", "source = \"runn\"");
  const std::string absent = replaced(kNorm, "source = \"run\"", "");
  write("a",
        head("a") + replaced(kDispatch, "source = \"run\"", "source = \"memory\"") + unknown +
            absent);
  const std::string mistakes = mistakes_of("a");
  EXPECT_THAT(mistakes, HasSubstr("there is no source 'memory'\n  hint: add [sources.memory]"));
  EXPECT_THAT(mistakes, HasSubstr("there is no source 'runn'\n  hint: did you mean 'run'?"));
  EXPECT_THAT(mistakes, HasSubstr("missing key 'source'"));
}

TEST_F(ProfileReader, ASourceNeedsTextAndDate) {
  write("a", replaced(replaced(head("a"), "text = \"a run\"\n", ""), "date = \"2023-03\"\n", ""));
  const std::string mistakes = mistakes_of("a");
  EXPECT_THAT(mistakes, HasSubstr("missing key 'text' in [sources.run]"));
  EXPECT_THAT(mistakes, HasSubstr("missing key 'date' in [sources.sheet]"));
}

TEST_F(ProfileReader, RefusesAKernelFasterThanTheTensorCores) {
  write("a", head("a") + replaced(kGemm, "895 us", "895 ns"));
  EXPECT_THAT(mistakes_of("a"), HasSubstr("more than the peak of 112 SMs"));
}

TEST_F(ProfileReader, RefusesMoreSmsThanThereAre) {
  write("a", head("a") + replaced(kNorm, "sms = 112", "sms = 144"));
  EXPECT_THAT(mistakes_of("a"), HasSubstr("144 SMs, but the GPU has 132"));
}

TEST_F(ProfileReader, RefusesTheSamePointOrLinkTwice) {
  write("a", head("a") + kGemm + kGemm + kDispatch + kDispatch);
  const std::string mistakes = mistakes_of("a");
  EXPECT_THAT(mistakes, HasSubstr("gemm fp8-block 4096x7168x16384 on 112 SMs is listed twice"));
  EXPECT_THAT(mistakes, HasSubstr("dispatch over nic is listed twice"));
  write("a", head("a") + kGemm + replaced(kGemm, "sms = 112", "sms = 132"));
  EXPECT_EQ(mistakes_of("a"), "");
}

TEST_F(ProfileReader, TheNameIsTheFilesName) {
  write("a", head("b"));
  EXPECT_THAT(mistakes_of("a"), HasSubstr("'name' is \"b\", but the file is a.toml"));
}

TEST_F(ProfileReader, AnUnknownGpuNeverGetsAnothersNumbers) {
  write("h100-sxm", head("h100-sxm") + kGemm);
  write("h800-sxm", head("h800-sxm") + kGemm);
  EXPECT_THAT(mistakes_of("h900-sxm"), HasSubstr("there is no profile of a GPU 'h900-sxm'"));
  EXPECT_THAT(mistakes_of("h80-sxm"), HasSubstr("did you mean 'h800-sxm'?"));
  EXPECT_THAT(mistakes_of("mi300x"), HasSubstr("one of: h100-sxm, h800-sxm"));
}

TEST_F(ProfileReader, ListsProfilesInOrder) {
  write("b", "");
  write("a", "");
  std::ofstream(directory() / "README.md") << "no profile";
  EXPECT_THAT(list_profiles(directory().string()), ElementsAre("a", "b"));
}

TEST_F(ProfileReader, ADirectoryThatCannotBeReadIsTheMachinesFault) {
  EXPECT_THROW(list_profiles((directory() / "none").string()), EnvironmentError);
  EXPECT_THROW(read_profile((directory() / "none").string(), "a"), EnvironmentError);
}

using ProfileTransfer = ProfileDirectory;

TEST_F(ProfileTransfer, AdoptsWhatWasNotMeasuredAndKeepsWhatWas) {
  write("base", head("base") + kGemm + kNorm);
  write("new", head("new") + transfer_from("base") + replaced(kGemm, "895 us", "800 us"));
  const Profile profile = read("new");
  ASSERT_EQ(profile.points.size(), 2U);
  EXPECT_FALSE(profile.points[0].transferred);
  EXPECT_EQ(profile.points[1].op.kind, OpKind::kNorm);
  EXPECT_TRUE(profile.points[1].transferred);
  EXPECT_EQ(profile.points[1].source, "base:run");
  const Estimate own = estimate(profile, kMeasuredGemm, 112);
  EXPECT_NEAR(own.time / microsecond, 800.0, 1e-9);
  EXPECT_EQ(own.origin, Origin::kMeasured);
  const Estimate lent = estimate(profile, profile.points[1].op, 112);
  EXPECT_NEAR(lent.time / microsecond, 60.0, 1e-9);
  EXPECT_EQ(lent.origin, Origin::kTransferred);
  EXPECT_NEAR(lent.error, std::hypot(0.03, 0.05), 1e-12);
}

TEST_F(ProfileTransfer, KeepsTheFractionOfTheRooflineOnAFasterMemory) {
  write("base", head("base") + kGemm + kNorm);
  write("new", head("new", "6.7 TB/s") + transfer_from("base"));
  const Profile profile = read("new");
  EXPECT_NEAR(profile.points[0].time / microsecond, 895.0, 1e-9);  // bound by the tensor cores
  EXPECT_NEAR(profile.points[1].time / microsecond, 30.0, 1e-9);
}

TEST_F(ProfileTransfer, NeverTransfersLinks) {
  write("base", head("base") + kDispatch);
  write("new", head("new") + transfer_from("base"));
  EXPECT_EQ(read("new").link(TransferKind::kDispatch, Medium::kNic).origin, Origin::kDatasheet);
}

TEST_F(ProfileTransfer, IsPassedOnAndLessCertainEachTime) {
  write("first", head("first") + kGemm);
  write("second", head("second") + transfer_from("first") + kNorm);
  write("third", head("third") + transfer_from("second"));
  const Profile profile = read("third");
  ASSERT_EQ(profile.points.size(), 2U);
  EXPECT_EQ(profile.points[0].op.kind, OpKind::kNorm);
  EXPECT_EQ(profile.points[1].source, "first:run");
  EXPECT_NEAR(profile.points[1].spread, std::hypot(read("first").points[0].spread, 0.05), 1e-12);
}

TEST_F(ProfileTransfer, BothWaysEndsWithTheOther) {
  write("one", head("one") + transfer_from("other") + kGemm);
  write("other", head("other") + transfer_from("one") + kNorm);
  EXPECT_EQ(read("one").points.size(), 2U);
  EXPECT_EQ(read("other").points.size(), 2U);
}

TEST_F(ProfileTransfer, FromAnUnknownGpuOrItselfIsAMistake) {
  write("base", head("base"));
  write("new", head("new") + transfer_from("bass"));
  EXPECT_THAT(mistakes_of("new"), HasSubstr("there is no other profile 'bass'"));
  EXPECT_THAT(mistakes_of("new"), HasSubstr("did you mean 'base'?"));
  write("new", head("new") + transfer_from("new"));
  EXPECT_THAT(mistakes_of("new"), HasSubstr("there is no other profile 'new'"));
}

TEST_F(ProfileTransfer, ReportsTheMistakesOfBothFiles) {
  write("base", replaced(head("base"), "sms = 132", "sms = 0"));
  write("new", replaced(head("new"), "time = \"2 us\"", "time = \"2 GB\"") + transfer_from("base"));
  const std::string mistakes = mistakes_of("new");
  EXPECT_THAT(mistakes, HasSubstr("base.toml:4:7: 'gpu.sms'"));
  EXPECT_THAT(mistakes, HasSubstr("new.toml:17:8: 'launch.time'"));
}

TEST(ShippedProfiles, AreAllReadableAndReturnTheirMeasurements) {
  const std::string directory = std::string(TOWTANK_SOURCE_DIR) + "/profiles";
  for (const std::string& gpu : list_profiles(directory)) {
    const Profile profile = read_profile(directory, gpu);
    EXPECT_FALSE(profile.points.empty() && profile.fits.empty()) << gpu;
    for (const MeasuredPoint& point : profile.points) {
      const Estimate back = estimate(profile, point.op, point.sms, point.library);
      EXPECT_EQ(back.time, point.time) << gpu << " " << describe(point.op);
    }
  }
}

TEST(ShippedProfiles, H100TakesKernelsFromH800ButNoLinks) {
  const std::string directory = std::string(TOWTANK_SOURCE_DIR) + "/profiles";
  const Profile h100 = read_profile(directory, "h100-sxm");
  const Profile h800 = read_profile(directory, "h800-sxm");
  EXPECT_EQ(estimate(h100, kMeasuredGemm, 112).time, estimate(h800, kMeasuredGemm, 112).time);
  EXPECT_EQ(estimate(h100, kMeasuredGemm, 112).origin, Origin::kTransferred);
}

}  // namespace
}  // namespace towtank
