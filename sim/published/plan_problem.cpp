#include <fmt/format.h>

#include "sim/plan/schedule.hpp"
#include "sim/published/plan_choice.hpp"

namespace towtank {
namespace {

std::optional<std::string> rank_problem(const Architecture& model,
                                        const TrainingPlan& plan,
                                        int gpus) {
  if (plan.data < 1 || plan.ranks() != gpus || plan.data % plan.context != 0) {
    return fmt::format("{} GPUs do not divide into tensor {} x pipeline {} x context {}",
                       gpus,
                       plan.tensor,
                       plan.pipeline,
                       plan.context);
  }
  const std::int64_t heads = attention_heads(model.attention);
  if (heads % plan.tensor != 0) {
    return fmt::format("{} heads do not divide over {} tensor ranks", heads, plan.tensor);
  }
  const std::int64_t tokens_share = std::int64_t{plan.context} * plan.tensor;
  if (plan.sequence % tokens_share != 0) {
    return fmt::format("{} tokens do not divide over {} ranks", plan.sequence, tokens_share);
  }
  return std::nullopt;
}

std::optional<std::string> expert_problem(const Architecture& model, const TrainingPlan& plan) {
  if (model.moe.experts == 0) {
    return plan.expert > 1 ? std::optional<std::string>("expert ranks for a model without experts")
                           : std::nullopt;
  }
  const int sharing = plan.expert * plan.expert_tensor;
  if (plan.positions() % sharing != 0) {
    return fmt::format("{} ranks of a stage do not divide into {} expert ranks x {} that share one",
                       plan.positions(),
                       plan.expert,
                       plan.expert_tensor);
  }
  if (model.moe.experts % plan.expert != 0) {
    return fmt::format("{} experts do not divide over {} ranks", model.moe.experts, plan.expert);
  }
  return std::nullopt;
}

std::optional<std::string> batch_problem(const TrainingPlan& plan) {
  const std::int64_t round = plan.data / plan.context * std::int64_t{plan.micro_batch};
  if (plan.batch < round || plan.batch % round != 0) {
    return fmt::format("a batch of {} does not divide into micro-batches of {} on {} replicas",
                       plan.batch,
                       plan.micro_batch,
                       plan.data / plan.context);
  }
  return schedule_problem(plan.schedule,
                          {.ranks = plan.pipeline,
                           .micro_batches = plan.micro_batches(),
                           .interleave = plan.interleave});
}

}  // namespace

std::optional<std::string> plan_problem(const Architecture& model,
                                        const TrainingPlan& plan,
                                        int gpus) {
  if (std::optional<std::string> problem = rank_problem(model, plan, gpus)) {
    return problem;
  }
  if (std::optional<std::string> problem = expert_problem(model, plan)) {
    return problem;
  }
  const std::int64_t stages = std::int64_t{plan.pipeline} * plan.interleave;
  if (plan.stage_layers.empty() && stages > model.layers) {
    return fmt::format("{} stages for {} layers", stages, model.layers);
  }
  return batch_problem(plan);
}

}  // namespace towtank
