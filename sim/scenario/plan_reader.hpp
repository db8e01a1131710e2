// The [plan] table of a scenario: how the work is cut up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads everything but `nodes` and the batch; `data` is 1 where it is left out. Without keys of
/// their own, AdamW's moments and the gradients are FP32, which is most common.
TrainingPlan read_plan(TomlTable table, const Architecture& model);

/// The word of scenario files for a precision of the linear layers.
std::string precision_word(Precision precision);

/// The word of scenario files for how logits become a loss.
std::string loss_word(Loss loss);

/// The words of scenario files for how ranks that share a sequence exchange keys and values, and
/// for whether tokens are forwarded inside nodes.
constexpr std::string_view context_word(ContextExchange exchange) {
  return exchange == ContextExchange::kRing ? "ring" : "all-gather";
}
constexpr std::string_view dispatch_word(bool forwards_in_node) {
  return forwards_in_node ? "forwarded" : "all-to-all";
}

/// The words of scenario files for what is recomputed, in one order and one spelling each.
std::vector<std::string> recompute_words(const Recompute& recompute);

}  // namespace towtank
