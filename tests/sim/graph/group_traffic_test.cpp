// The bytes that each kind of group moves in a step, read off the op graph, against closed forms
// that know the model and the plan alone.
#include "sim/graph/group_traffic.hpp"

#include <bit>
#include <cmath>
#include <optional>

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

std::vector<GroupTraffic> moved(const SmallStep& step, Folding folding = Folding::kFolded) {
  const JobLayout job = step.lay_out(folding);
  return group_traffic(job, lower_training_step(job));
}

/// None when nothing is sent.
std::optional<GroupTraffic> find(const std::vector<GroupTraffic>& traffics,
                                 GroupKind group,
                                 TransferKind transfer) {
  for (const GroupTraffic& traffic : traffics) {
    if (traffic.group == group && traffic.transfer == transfer) {
      return traffic;
    }
  }
  return std::nullopt;
}

PortBytes total(const std::vector<GroupTraffic>& traffics, GroupKind group, TransferKind transfer) {
  const std::optional<GroupTraffic> found = find(traffics, group, transfer);
  return found ? found->total : PortBytes{};
}

double both(const PortBytes& bytes) {
  return bytes.nvlink.si() + bytes.nic.si();
}

double tokens_of(const TrainingPlan& plan) {
  return static_cast<double>(plan.batch) * static_cast<double>(plan.sequence);
}

double expert_layers(const Architecture& model) {
  return static_cast<double>(model.layers - model.dense_layers + model.mtp_modules);
}

/// Of `parts` equal parts of the experts, the number that a token visits, by going through all
/// choices of expert groups and of experts in them.
double parts_visited(const ExpertLayer& moe, std::int64_t parts) {
  double visits = 0.0;
  double choices = 0.0;
  const auto has_bits = [](std::uint64_t set, std::int64_t count) {
    return std::popcount(set) == count;
  };
  const std::int64_t group = moe.experts / moe.groups;
  for (std::uint64_t eligible = 0; eligible < std::uint64_t{1} << moe.groups; ++eligible) {
    if (!has_bits(eligible, moe.groups_per_token)) {
      continue;
    }
    std::vector<std::int64_t> experts;
    for (std::int64_t expert = 0; expert < moe.experts; ++expert) {
      if ((eligible >> (expert / group) & 1U) != 0) {
        experts.push_back(expert);
      }
    }
    for (std::uint64_t chosen = 0; chosen < std::uint64_t{1} << experts.size(); ++chosen) {
      if (!has_bits(chosen, moe.top_k)) {
        continue;
      }
      std::uint64_t visited = 0;
      for (std::size_t i = 0; i < experts.size(); ++i) {
        if ((chosen >> i & 1U) != 0) {
          visited |= std::uint64_t{1} << (experts[i] * parts / moe.experts);
        }
      }
      visits += std::popcount(visited);
      choices += 1.0;
    }
  }
  return visits / choices;
}

/// Between stages on different ranks.
int boundaries(const TrainingPlan& plan) {
  switch (plan.schedule) {
    case ScheduleKind::kInterleaved1F1B:
      return plan.pipeline * plan.interleave - 1;
    case ScheduleKind::kDualPipeV:
      return 2 * plan.pipeline - 2;  // the two in the middle are on one rank
    case ScheduleKind::kGpipe:
    case ScheduleKind::k1F1B:
    case ScheduleKind::kZb1p:
    case ScheduleKind::kDualPipe:
      break;
  }
  return plan.pipeline - 1;
}

int hosts(const TrainingPlan& plan) {
  return plan.schedule == ScheduleKind::kDualPipe ? 2 : 1;
}

bool ends_share_a_rank(const TrainingPlan& plan) {
  return plan.schedule == ScheduleKind::kDualPipe || plan.schedule == ScheduleKind::kDualPipeV;
}

class GroupsOfStep : public testing::TestWithParam<SmallStep> {
 protected:
  const SmallStep& step() const { return GetParam(); }
  const TrainingPlan& plan() const { return GetParam().plan; }
  const Architecture& model() const { return GetParam().model; }
  const std::vector<GroupTraffic> moved_ = moved(GetParam());
};

// Every token goes to its experts in the forward pass, its gradient in the backward pass: once over
// the network to each other node that has some of them, and inside the nodes to each GPU but the
// one where it lands, which is any of them.
TEST_P(GroupsOfStep, SendsTokensOnceToEachNodeAndOnceToEachGpuTheyVisit) {
  const Mesh mesh(plan(), step().cluster.gpus_per_node);
  const GroupShape shape = group_shape(mesh, mesh.expert_group(0));
  const double travels = 2.0 * tokens_of(plan()) * expert_layers(model());
  const double over_nic =
      travels * parts_visited(model().moe, shape.nodes) * (1.0 - 1.0 / shape.nodes);
  const double over_nvlink =
      travels * parts_visited(model().moe, shape.size()) * (1.0 - 1.0 / shape.local);
  const auto hidden = static_cast<double>(model().hidden);
  const PortBytes out = total(moved_, GroupKind::kExperts, TransferKind::kDispatch);
  const PortBytes back = total(moved_, GroupKind::kExperts, TransferKind::kCombine);
  EXPECT_NEAR(out.nic.si(), over_nic * hidden * (1.0 + 4.0 / 128.0), 1e-9 * both(out));
  EXPECT_NEAR(out.nvlink.si(), over_nvlink * hidden * (1.0 + 4.0 / 128.0), 1e-9 * both(out));
  EXPECT_NEAR(back.nic.si(), over_nic * hidden * 2.0, 1e-9 * both(back));
  EXPECT_NEAR(back.nvlink.si(), over_nvlink * hidden * 2.0, 1e-9 * both(back));
}

TEST_P(GroupsOfStep, SendsEveryTokenOverEveryStageBoundaryAndItsGradientBack) {
  const PortBytes sent = total(moved_, GroupKind::kPipeline, TransferKind::kPointToPoint);
  const double expected =
      2.0 * boundaries(plan()) * tokens_of(plan()) * static_cast<double>(model().hidden) * 2.0;
  EXPECT_NEAR(both(sent), expected, 1e-9 * expected);
  if (plan().data >= step().cluster.gpus_per_node) {
    EXPECT_EQ(sent.nvlink, Bytes{});
  }
}

// Keys and values go to the others of the sequence before each attention, in both passes; their
// gradients come back once.
TEST_P(GroupsOfStep, SendsCompressedKeysToAllThatShareASequence) {
  const auto& mla = std::get<LatentAttention>(model().attention);
  const auto numbers = static_cast<double>(mla.key_value_rank + mla.rope_head_dim);
  const double expected = tokens_of(plan()) *
                          static_cast<double>(model().layers + model().mtp_modules) * numbers *
                          2.0 * (plan().context - 1);
  const double gathered = both(total(moved_, GroupKind::kContext, TransferKind::kAllGather));
  const double returned = both(total(moved_, GroupKind::kContext, TransferKind::kReduceScatter));
  EXPECT_NEAR(gathered, 2.0 * expected, 1e-9 * gathered);
  EXPECT_NEAR(returned, expected, 1e-9 * returned);
}

// A ring of n sends (n - 1) / n of what it reduces or gathers, on each of its n members: gradients
// in FP32, parameters in BF16, or the whole gradients where optimizer states are not sharded.
TEST_P(GroupsOfStep, SendsEveryParameterToAllButOneOfItsReplicas) {
  const double experts = expert_layers(model()) * static_cast<double>(model().moe.experts) *
                         block_parameters(model()).expert;
  const double all = total_parameters(model()) + mtp_parameters(model()) +
                     (ends_share_a_rank(plan()) ? 0.0 : block_parameters(model()).embedding);
  const double dense_replicas = hosts(plan()) * plan().data;
  const double expert_replicas = dense_replicas / plan().expert;
  const double gathered = plan().zero_stage > 0 ? 2.0 : 4.0;
  const auto expect_ring = [&](GroupKind kind, double parameters, double replicas) {
    const double once = parameters * (replicas - 1.0);
    const double reduced = both(total(moved_, kind, TransferKind::kReduceScatter));
    EXPECT_NEAR(reduced, once * 4.0, 1e-9 * once);
    EXPECT_NEAR(both(total(moved_, kind, TransferKind::kAllGather)), once * gathered, 1e-9 * once);
  };
  expect_ring(GroupKind::kDenseReplicas, all - experts, dense_replicas);
  expect_ring(GroupKind::kExpertReplicas, experts, expert_replicas);
}

TEST_P(GroupsOfStep, MovesAsMuchFoldedAsUnfolded) {
  const std::vector<GroupTraffic> whole = moved(step(), Folding::kUnfolded);
  ASSERT_EQ(moved_.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(moved_[i].group, whole[i].group);
    EXPECT_EQ(moved_[i].transfer, whole[i].transfer);
    EXPECT_NEAR(moved_[i].calls, whole[i].calls, 1e-9 * whole[i].calls);
    EXPECT_NEAR(
        moved_[i].total.nvlink.si(), whole[i].total.nvlink.si(), 1e-9 * both(whole[i].total));
    EXPECT_NEAR(moved_[i].total.nic.si(), whole[i].total.nic.si(), 1e-9 * both(whole[i].total));
    EXPECT_DOUBLE_EQ(moved_[i].most.nvlink.si(), whole[i].most.nvlink.si());
    EXPECT_DOUBLE_EQ(moved_[i].most.nic.si(), whole[i].most.nic.si());
  }
}

// Groups of a kind fill the job, each rank in one of them.
TEST_P(GroupsOfStep, HasEveryRankInOneGroupOfEachKind) {
  const JobLayout job = step().lay_out(Folding::kFolded);
  for (int kind = 0; kind < kGroupKinds; ++kind) {
    const GroupSet set = groups_of(job, static_cast<GroupKind>(kind));
    EXPECT_EQ(set.groups * set.ranks, plan().ranks());
  }
}

std::string test_name(const testing::TestParamInfo<SmallStep>& info) {
  const TrainingPlan& plan = info.param.plan;
  std::string schedule(name(plan.schedule));
  std::erase(schedule, '-');
  return fmt::format("{}_pipeline{}_data{}_expert{}_context{}",
                     schedule,
                     plan.pipeline,
                     plan.data,
                     plan.expert,
                     plan.context);
}

INSTANTIATE_TEST_SUITE_P(Schedules, GroupsOfStep, testing::ValuesIn(small_steps()), test_name);

/// n choose k.
double choose(double n, double k) {
  return std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0));
}

// The published plan: 8 nodes to an expert group, 4 of them eligible for a token, 8 experts of the
// 128 there.
TEST(DeepSeekV3Groups, AreThoseOfThePublishedPlan) {
  const std::vector<GroupTraffic> moved_bytes = moved(deepseek_v3_step(ScheduleKind::kDualPipe));
  const auto expect_groups =
      [&](GroupKind kind, TransferKind transfer, std::int64_t groups, int ranks, int nodes) {
        const GroupTraffic traffic = find(moved_bytes, kind, transfer).value();
        EXPECT_EQ(traffic.among.groups, groups);
        EXPECT_EQ(traffic.among.ranks, ranks);
        EXPECT_EQ(traffic.among.nodes, nodes);
      };
  expect_groups(GroupKind::kPipeline, TransferKind::kPointToPoint, 128, 16, 16);
  expect_groups(GroupKind::kExperts, TransferKind::kDispatch, 32, 64, 8);
  expect_groups(GroupKind::kDenseReplicas, TransferKind::kReduceScatter, 8, 256, 32);
  expect_groups(GroupKind::kExpertReplicas, TransferKind::kAllGather, 512, 4, 4);

  const double a_node = 0.5 * (1.0 - choose(96, 8) / choose(128, 8));
  const double a_gpu = 0.5 * (1.0 - choose(124, 8) / choose(128, 8));
  const double travels = 2.0 * 15360.0 * 4096.0 * (58.0 + 1.0) * 7168.0 * (1.0 + 4.0 / 128.0);
  const PortBytes sent = total(moved_bytes, GroupKind::kExperts, TransferKind::kDispatch);
  EXPECT_NEAR(sent.nic.si() / (travels * 7.0 * a_node), 1.0, 1e-9);
  EXPECT_NEAR(sent.nvlink.si() / (travels * 56.0 * a_gpu), 1.0, 1e-9);
}

}  // namespace
}  // namespace towtank
