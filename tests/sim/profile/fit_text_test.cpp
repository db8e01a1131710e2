#include "sim/profile/fit/fit_text.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using ::testing::HasSubstr;

Gpu some_gpu() {
  Gpu gpu;
  gpu.name = "some";
  gpu.sms = 100;
  gpu.bf16_peak = FlopRate(1e15);
  gpu.fp8_peak = FlopRate(2e15);
  gpu.memory_bandwidth = Bandwidth(3e12);
  return gpu;
}

Sample expert_layer(std::int64_t tokens, std::int64_t hidden, std::int64_t parts, double skew) {
  Sample sample;
  sample.op = {.kind = OpKind::kMoeLayer,
               .precision = Precision::kFp8Block,
               .shape = MoeShape{.tokens = tokens,
                                 .hidden = hidden,
                                 .intermediate = 3 * hidden / 7,
                                 .topk = 8,
                                 .experts = 96,
                                 .expert_parallel = parts,
                                 .skew = skew}};
  const double wiggle = 1.5 + 0.4 * std::sin(static_cast<double>(tokens % 97 + parts)) + skew;
  sample.time = wiggle * speed_of_light(sample.op, some_gpu(), 100) + 7.0 * microsecond;
  sample.library = "some";
  return sample;
}

std::vector<KernelFit> fitted(bool complete) {
  std::vector<Sample> samples;
  for (std::int64_t tokens = 1; tokens <= 4096; tokens *= 2) {
    for (const std::int64_t hidden : {1792, 3584, 7168}) {
      for (const std::int64_t parts : {1, 3, 8}) {
        for (const double skew : {0.0, 1.01, 1.2}) {
          samples.push_back(expert_layer(tokens, hidden, parts, skew));
        }
      }
    }
  }
  FitOptions options;
  options.keep_all_points = complete;
  return fit_kernels(samples, some_gpu(), "here", options);
}

/// The fits of a text, as a profile's reader reads them.
std::vector<KernelFit> read(const std::string& text) {
  Mistakes mistakes;
  const TomlNode node = parse_toml(text, "fits.toml");
  TomlTable file(node, "", mistakes);
  std::vector<KernelFit> fits;
  for (TomlTable& table : file.tables("fit")) {
    fits.push_back(read_fit(table));
    fits.back().source = table.text("source", "here");
    table.finish();
  }
  file.finish();
  mistakes.throw_if_any();
  return fits;
}

std::string complaint(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(FitText, ReadsBackToTheSameText) {
  for (const bool complete : {false, true}) {
    const KernelFit fit = fitted(complete).front();
    const std::string text = fit_text(fit);
    const std::vector<KernelFit> again = read(text);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(fit_text(again.front()), text);
    EXPECT_EQ(again.front().key, fit.key);
    EXPECT_EQ(again.front().axes, fit.axes);
    EXPECT_EQ(again.front().log_slowdown.sites, fit.log_slowdown.sites);
  }
}

TEST(FitText, ReadsBackToTheSameEstimates) {
  for (const bool complete : {false, true}) {
    const KernelFit fit = fitted(complete).front();
    const KernelFit again = read(fit_text(fit)).front();
    for (const Sample& sample : {expert_layer(128, 3584, 3, 1.01),
                                 expert_layer(77, 5000, 4, 0.5),
                                 expert_layer(100000, 7168, 96, 1.2)}) {
      const FitEstimate before = estimate(fit, sample.op, some_gpu(), 100);
      const FitEstimate after = estimate(again, sample.op, some_gpu(), 100);
      EXPECT_NEAR(after.time / before.time, 1.0, 1e-4);
      EXPECT_NEAR(after.error, before.error, 1e-3);
      EXPECT_EQ(after.measured, before.measured);
      EXPECT_EQ(after.outside, before.outside);
    }
  }
}

TEST(FitText, RoundingChangesEstimatesByAThousandth) {
  const KernelFit fit = fitted(false).front();
  EXPECT_LE(fit_text(fit).size(), 2 * parameters(fit) + 3000);
}

TEST(FitText, MistakesAreNamedWithTheirLine) {
  const std::string text = fit_text(fitted(false).front());
  EXPECT_THAT(complaint(replaced(text, "\n4: ", "\n4: ?")), HasSubstr("letters, found"));
  EXPECT_THAT(complaint(replaced(text, "\n4: ", "\n4: gA ")),
              HasSubstr("as many factors as the rank"));
  EXPECT_THAT(complaint(replaced(text, "\n4: ", "\n2: ")), HasSubstr("do not ascend"));
  EXPECT_THAT(complaint(replaced(text, "\n4: ", "\n-4: ")), HasSubstr("expected 1 size"));
  EXPECT_THAT(complaint(replaced(text, "tokens\n", "heads\n")), HasSubstr("axes of a direction"));
  EXPECT_THAT(complaint(replaced(text, "tokens\n", "")), HasSubstr("axes of a direction"));
  EXPECT_THAT(complaint(replaced(text, "letters", "letter")), HasSubstr("letter"));
  EXPECT_THAT(complaint(replaced(text, "errors = [", "errors = [0.1, ")), HasSubstr("limits"));
  EXPECT_THAT(complaint(replaced(text, "rank = ", "rank = 9")), HasSubstr("rank"));
  const std::string wrong_line = complaint(replaced(text, "\n4: ", "\n4: x"));
  EXPECT_THAT(wrong_line, HasSubstr("line "));
}

TEST(FitText, AFitLiesOnAllSizesOfItsKind) {
  const std::string text = R"(
    [[fit]]
    op = "gemm"
    precision = "bf16"
    source = "here"
    rows = 2
    floor = "2 us"
    median_error = 0.02
    p90_error = 0.07
    error_of_measured = 0.02
    error_per_doubling = 0.1
    error_per_doubling_outside = 0.2
    errors = [0.1]
    error_limits_us = []
    rank = 1
    letters = 2
    unit = 0.001
    factors = """
m
1: ss
2: sW
""")";
  EXPECT_THAT(complaint(text), HasSubstr("no factors along n, k"));
  EXPECT_EQ(complaint(replaced(text, "2: sW\n", "2: sW\nn\n64:\nk\n64:\n")), "");
}

TEST(FitText, CollectivesOfAllElementsShareAFit) {
  const std::string text = R"(
    [[fit]]
    op = "all-reduce"
    precision = "bf16"
    source = "here"
    rows = 2
    floor = "2 us"
    median_error = 0.02
    p90_error = 0.07
    error_of_measured = 0.02
    error_per_doubling = 0.1
    error_per_doubling_outside = 0.2
    errors = [0.1]
    error_limits_us = []
    rank = 1
    letters = 2
    unit = 0.001
    factors = """
bytes
1024: ss
2048: sW
ranks
8:
nodes
1:
element-bytes
2:
""")";
  EXPECT_EQ(complaint(text), "");
  EXPECT_THAT(complaint(replaced(text, "bf16", "fp8")), HasSubstr("share a fit"));
}

TEST(FitText, PointsMustLieOnTheSitesOfTheFactors) {
  const std::string text = fit_text(fitted(false).front());
  const std::string points = "points = \"\"\"\n";
  EXPECT_THAT(complaint(replaced(text, points, points + "3 3584 1536 8 96 1 0: 12.5\n")),
              HasSubstr("none of those of the factors"));
  EXPECT_THAT(complaint(replaced(text, points, points + "4 3584 1536 8 96 1 0: fast\n")),
              HasSubstr("time in microseconds"));
  EXPECT_THAT(complaint(replaced(text, points, points + "4 3584 1536 8 96 1 0: 12.5 7\n")),
              HasSubstr("behind the time"));
}

TEST(FitText, NoTextCrashesTheReader) {
  std::mt19937_64 random(11);
  for (const bool complete : {false, true}) {
    const std::string text = fit_text(fitted(complete).front());
    const std::string letters = "0123456789-.:e \n\"ax";
    int understood = 0;
    for (int i = 0; i < 400; ++i) {
      std::string broken = text;
      for (std::size_t change = 0; change <= random() % 4; ++change) {
        const std::size_t at = random() % broken.size();
        switch (random() % 3) {
          case 0:
            broken[at] = letters[random() % letters.size()];
            break;
          case 1:
            broken.erase(at, random() % 40);
            break;
          default:
            broken.insert(at, broken.substr(random() % broken.size(), random() % 40));
            break;
        }
      }
      try {
        for (const KernelFit& fit : read(broken)) {
          const Seconds time =
              estimate(fit, expert_layer(64, 3584, 3, 0.0).op, some_gpu(), 100).time;
          understood += std::isnan(time.si()) ? 0 : 1;
        }
      } catch (const InputError&) {
      } catch (const BrokenClaim&) {
        // The text names another kind of op, of which the estimate was not asked.
      }
    }
    EXPECT_GT(understood, 0);
  }
}

}  // namespace
}  // namespace towtank
