#include "tools/plan_text.hpp"

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"

namespace towtank {

std::string plan_line(const TrainingPlan& plan) {
  std::string line = fmt::format("PP{} x DP{}", plan.pipeline, plan.data);
  if (plan.expert > 1) {
    line += fmt::format(" (EP{})", plan.expert);
  }
  line += fmt::format(", ZeRO-{}, {}", plan.zero_stage, name(plan.schedule));
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
