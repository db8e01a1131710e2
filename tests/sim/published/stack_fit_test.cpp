#include "sim/published/stack_fit.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "sim/published/left_out.hpp"
#include "sim/published/robust_fit.hpp"
#include "sim/published/runs_to_fit.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A step of kernels that compute, attend and move memory, amid launches: what a row's time would
/// be by the definitions of the numbers.
struct Work {
  double compute = 0.0;  // seconds, as the others
  double attention = 0.0;
  double memory = 0.0;
  double rest = 0.0;  // communication
  double kernels = 0.0;
};

Seconds time_of(const Work& work, const StackNumbers& stack) {
  return (stack.compute_slowdown * (work.compute + stack.attention_slowdown * work.attention) +
          stack.memory_slowdown * work.memory + work.rest) *
             second +
         work.kernels * stack.launch;
}

/// Rows of one stack, whose measured times were made with known numbers.
struct MadeTable {
  std::vector<FitRow> rows;
  std::vector<Work> works;

  void add(const std::string& profile, const Work& work, const StackNumbers& truth) {
    const std::string name = std::to_string(rows.size());
    rows.push_back({.stack = "made",
                    .profile = profile,
                    .family = "family " + name,
                    .group = "group " + name,
                    .model = "model " + name,
                    .sequence = 4096,
                    .fused_attention = true,
                    .now = {},
                    .measured = time_of(work, truth)});
    works.push_back(work);
  }

  Projector projector() const {
    return [this](const std::vector<std::vector<StackNumbers>>& of_rows) {
      std::vector<std::vector<Seconds>> times(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (const StackNumbers& numbers : of_rows[i]) {
          times[i].push_back(time_of(works[i], numbers));
        }
      }
      return times;
    };
  }

  StackFit only_fit() const { return fit_stacks(rows, projector()).stacks.at(0); }
};

Work some_work(std::mt19937& random) {
  std::uniform_real_distribution<double> part(0.2, 2.0);
  return {.compute = 2.0 * part(random),
          .attention = part(random),
          .memory = part(random),
          .rest = part(random) / 4.0,
          .kernels = 3e4 * part(random)};
}

MadeTable table_of(std::size_t rows, const StackNumbers& truth) {
  std::mt19937 random(7);
  MadeTable table;
  for (std::size_t i = 0; i < rows; ++i) {
    table.add("a100-sxm", some_work(random), truth);
  }
  return table;
}

constexpr StackNumbers kTruth = {.compute_slowdown = 1.25,
                                 .memory_slowdown = 1.6,
                                 .attention_slowdown = 1.4,
                                 .launch = 9.0 * microsecond};

TEST(StackFit, NumbersThatMadeATableAreFoundInIt) {
  const StackFit fit = table_of(300, kTruth).only_fit();
  EXPECT_NEAR(fit.numbers.compute_slowdown, 1.25, 0.02);
  EXPECT_NEAR(fit.numbers.memory_slowdown, 1.6, 0.04);
  EXPECT_NEAR(fit.numbers.attention_slowdown, 1.4, 0.04);
  EXPECT_NEAR(fit.numbers.launch / microsecond, 9.0, 0.5);
  EXPECT_GT(fit.before.mean_abs, 0.2);
  EXPECT_LT(fit.after.mean_abs, 0.005);
  EXPECT_LT(fit.left_out.mean_abs, 0.01);
  EXPECT_LT(fit.error, 0.02);
}

/// A CPU that starts kernels while others run is not seen before it is the slower one.
TEST(StackFit, LaunchesThatKernelsHideAtFirstAreFound) {
  MadeTable table;
  std::mt19937 random(19);
  const auto hidden_time = [](const Work& work, const StackNumbers& stack) {
    return std::max(time_of({.compute = work.compute, .memory = work.memory}, stack),
                    work.kernels * stack.launch);
  };
  std::uniform_real_distribution<double> microseconds(6.0, 30.0);  // of a kernel
  for (int i = 0; i < 60; ++i) {
    Work work{.kernels = 1e5};
    work.compute = work.memory = 0.5e-6 * work.kernels * microseconds(random);
    table.add("a100-sxm", work, kTruth);
    table.rows.back().measured =
        hidden_time(work, {.compute_slowdown = 1.2, .launch = 16.0 * microsecond});
  }
  const FitOfStacks fit =
      fit_stacks(table.rows, [&](const std::vector<std::vector<StackNumbers>>& of_rows) {
        std::vector<std::vector<Seconds>> times(of_rows.size());
        for (std::size_t i = 0; i < of_rows.size(); ++i) {
          for (const StackNumbers& numbers : of_rows[i]) {
            times[i].push_back(hidden_time(table.works[i], numbers));
          }
        }
        return times;
      });
  EXPECT_NEAR(fit.stacks.at(0).numbers.launch / microsecond, 16.0, 1.0);
  EXPECT_LT(fit.after.mean_abs, 0.05);
}

TEST(StackFit, FewBrokenRowsDoNotMoveIt) {
  MadeTable table = table_of(300, kTruth);
  for (std::size_t i = 0; i < 30; ++i) {
    table.rows[10 * i].measured = 4.0 * table.rows[10 * i].measured;
  }
  const StackFit fit = table.only_fit();
  EXPECT_NEAR(fit.numbers.compute_slowdown, 1.25, 0.04);
  EXPECT_NEAR(fit.numbers.memory_slowdown, 1.6, 0.08);
  EXPECT_NEAR(fit.numbers.launch / microsecond, 9.0, 1.0);
  EXPECT_LT(fit.after.median_abs, 0.01);
  EXPECT_GT(fit.error, std::log(3.0)) << "a tenth of the rows is this far off";
}

TEST(StackFit, WithoutRowsNothingChanges) {
  const FitOfStacks fit = fit_stacks({}, [](const std::vector<std::vector<StackNumbers>>&) {
    ADD_FAILURE() << "there is nothing to project";
    return std::vector<std::vector<Seconds>>();
  });
  EXPECT_THAT(fit.stacks, IsEmpty());
  EXPECT_EQ(fit.after.rows, 0U);
}

TEST(StackFit, ARowThatCannotBeProjectedIsLeftOut) {
  MadeTable table = table_of(40, kTruth);
  const StackFit whole = table.only_fit();
  std::mt19937 random(9);
  table.add("a100-sxm", some_work(random), {.compute_slowdown = 2.9});
  const Projector all = table.projector();
  const FitOfStacks fit =
      fit_stacks(table.rows, [&](const std::vector<std::vector<StackNumbers>>& of_rows) {
        std::vector<std::vector<Seconds>> times = all(of_rows);
        times.back().clear();
        return times;
      });
  ASSERT_THAT(fit.stacks, SizeIs(1));
  EXPECT_EQ(fit.stacks.front().after.rows, 40U);
  EXPECT_DOUBLE_EQ(fit.stacks.front().numbers.compute_slowdown, whole.numbers.compute_slowdown);
}

TEST(StackFit, GpusWithManyRowsHaveTheirOwnComputeSlowdown) {
  std::mt19937 random(11);
  MadeTable table;
  for (int i = 0; i < 150; ++i) {
    table.add("a100-sxm", some_work(random), {.compute_slowdown = 1.1});
    table.add("h100-sxm", some_work(random), {.compute_slowdown = 1.4});
  }
  for (int i = 0; i < 5; ++i) {
    table.add("l40s", some_work(random), {.compute_slowdown = 1.2});
  }
  const StackFit fit = table.only_fit();
  ASSERT_THAT(fit.on_gpu, SizeIs(2));
  EXPECT_NEAR(fit.on_gpu.at("a100-sxm").compute_slowdown, 1.1, 0.02);
  EXPECT_NEAR(fit.on_gpu.at("h100-sxm").compute_slowdown, 1.4, 0.02);
  EXPECT_NEAR(fit.numbers.compute_slowdown, 1.2, 0.03) << "of what has none of its own";
}

TEST(StackFit, ANumberThatNoRowTellsIsSaidToBeUntold) {
  MadeTable table = table_of(40, kTruth);
  EXPECT_THAT(table.only_fit().untold, IsEmpty());
  for (std::size_t i = 0; i < table.works.size(); ++i) {
    table.works[i].kernels = 0.0;
    table.rows[i].measured = time_of(table.works[i], kTruth);
  }
  const StackFit fit = table.only_fit();
  EXPECT_THAT(fit.untold, ElementsAre(StackNumber::kLaunch));
  EXPECT_NEAR(fit.numbers.launch / microsecond,
              prior_of({.kind = StackNumber::kLaunch, .profile = ""}).centre,
              0.01)
      << "what is usual";
}

TEST(StackFit, CopiesWeighLessThanAsManyKinds) {
  std::mt19937 random(13);
  const Work work = some_work(random);
  MadeTable copied;
  MadeTable various;
  for (MadeTable* table : {&copied, &various}) {
    for (int i = 0; i < 4; ++i) {
      table->add("a100-sxm", work, {.compute_slowdown = 1.1});
    }
    for (int i = 0; i < 6; ++i) {
      table->add("a100-sxm", work, {.compute_slowdown = 1.3});
    }
  }
  for (std::size_t i = 4; i < 10; ++i) {
    copied.rows[i].family = "weak scaling";
  }
  EXPECT_LT(copied.only_fit().numbers.compute_slowdown,
            various.only_fit().numbers.compute_slowdown - 0.01);
}

TEST(FitNumbers, AttentionNeedsFusedRowsOfTwoLengthsOrModels) {
  const auto fits_attention = [](std::size_t rows, bool fused, bool alike) {
    MadeTable table = table_of(rows, kTruth);
    for (FitRow& row : table.rows) {
      row.fused_attention = fused;
      row.model = alike ? "one" : row.model;
    }
    const std::vector<FitNumber> numbers = numbers_to_fit(table.rows);
    return numbers.back().kind == StackNumber::kAttention;
  };
  EXPECT_TRUE(fits_attention(20, true, false));
  EXPECT_FALSE(fits_attention(19, true, false));
  EXPECT_FALSE(fits_attention(20, false, false));
  EXPECT_FALSE(fits_attention(20, true, true));
}

TEST(StackNumbers, AGpuSlowerThanItsProfileStaysSoMuchSlower) {
  const SoftwareStack run{.compute_slowdown = 1.2 * 1.5, .launch = 3.0 * microsecond};
  const SoftwareStack then = with_numbers(run,
                                          {.compute_slowdown = 1.2, .launch = 3.0 * microsecond},
                                          {.compute_slowdown = 1.4, .launch = 5.0 * microsecond});
  EXPECT_DOUBLE_EQ(then.compute_slowdown, 1.4 * 1.5);
  EXPECT_DOUBLE_EQ(then.launch / microsecond, 5.0);
}

TEST(RobustFit, WithoutRowsIsThePriors) {
  EXPECT_THAT(robust_fit({}, {{.centre = 0.2, .deviation = 1.0, .least = 0.0, .most = 1.0}}),
              ElementsAre(0.2));
}

TEST(RobustFit, StaysInItsBounds) {
  const std::vector<LinearRow> rows(100, {.value = -5.0, .slopes = {1.0}, .weight = 1.0});
  EXPECT_THAT(robust_fit(rows, {{.centre = 0.2, .deviation = 9.0, .least = 0.0, .most = 1.0}}),
              ElementsAre(0.0));
}

/// The solution is the bottom of the loss: no number can be moved for the better.
TEST(RobustFit, HasTheLeastLoss) {
  std::mt19937 random(17);
  std::normal_distribution<double> normal(0.0, 1.0);
  for (int round = 0; round < 20; ++round) {
    std::vector<LinearRow> rows;
    rows.reserve(30);
    for (int i = 0; i < 30; ++i) {
      const double outlier = i % 10 == 0 ? 5.0 : 0.2;
      LinearRow row{.value = 0.0, .slopes = {normal(random), normal(random), normal(random)}};
      row.value = row.slopes[0] - row.slopes[1] + outlier * normal(random);
      rows.push_back(row);
    }
    const std::vector<NumberPrior> priors(
        3, {.centre = 0.3, .deviation = 1.0, .least = -0.5, .most = 2.0});
    const std::vector<double> found = robust_fit(rows, priors);
    std::vector<double> sizes;
    sizes.reserve(rows.size());
    for (const LinearRow& row : rows) {
      sizes.push_back(std::abs(residual_of(row, found)));
    }
    const double scale =
        1.4826 * weighted_quantile(sizes, std::vector<double>(sizes.size(), 1.0), 0.5);
    const double least = robust_loss(rows, priors, found, scale);
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (const double move : {-0.01, 0.01}) {
        std::vector<double> moved = found;
        moved[i] += move;
        if (moved[i] >= priors[i].least && moved[i] <= priors[i].most) {
          EXPECT_GT(robust_loss(rows, priors, moved, scale), least) << round << " number " << i;
        }
      }
    }
  }
}

TEST(LeftOut, ARowIsJudgedWithoutItsGroup) {
  const std::vector<NumberPrior> priors = {
      {.centre = 0.0, .deviation = 1000.0, .least = -9.0, .most = 9.0}};
  std::vector<LinearRow> rows(8, {.value = 1.0, .slopes = {1.0}, .weight = 1.0});
  std::vector<std::string> groups = {"a", "a", "b", "b", "c", "c", "d", "d"};
  rows[6].value = rows[7].value = 3.0;
  const std::vector<double> residuals = left_out_residuals(rows, priors, groups);
  EXPECT_NEAR(residuals[6], 2.0, 1e-3) << "the others say 1";
  groups.assign(8, "all");
  EXPECT_NEAR(left_out_residuals(rows, priors, groups)[6], 3.0, 1e-3) << "the prior says 0";
}

TEST(WeightedQuantile, CountsWeights) {
  EXPECT_DOUBLE_EQ(weighted_quantile({3.0, 1.0, 2.0}, {1.0, 1.0, 1.0}, 0.5), 2.0);
  EXPECT_DOUBLE_EQ(weighted_quantile({3.0, 1.0, 2.0}, {8.0, 1.0, 1.0}, 0.5), 3.0);
  EXPECT_DOUBLE_EQ(weighted_quantile({}, {}, 0.5), 0.0);
}

}  // namespace
}  // namespace towtank
