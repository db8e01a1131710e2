#include "tools/plan_text.hpp"

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"

namespace towtank {

std::string plan_line(const TrainingPlan& plan) {
  std::string line = plan.tensor > 1 ? fmt::format("TP{} x ", plan.tensor) : "";
  line += fmt::format("PP{} x DP{}", plan.pipeline, plan.data / plan.context);
  if (plan.context > 1) {
    line += fmt::format(" x CP{}", plan.context);
  }
  if (plan.expert > 1 || plan.expert_tensor > 1) {
    const std::string shared =
        plan.expert_tensor > 1 ? fmt::format(" x ETP{}", plan.expert_tensor) : "";
    line += fmt::format(" (EP{}{})", plan.expert, shared);
  }
  line += fmt::format(", ZeRO-{}", plan.zero_stage);
  if (plan.zero_stage > 0 && plan.shard > 0 && plan.shard < plan.data) {
    line += fmt::format(" in groups of {}", plan.shard);
  }
  line += fmt::format(", {}", name(plan.schedule));
  if (plan.interleave > 1) {
    line += fmt::format(" with {} stages a rank", plan.interleave);
  }
  const double tokens = static_cast<double>(plan.sequence) / plan.context;
  return line + fmt::format(", {} micro-batches of {} x {} tokens",
                            format_count(plan.micro_batches()),
                            plan.micro_batch,
                            format_count(tokens));
}

}  // namespace towtank
