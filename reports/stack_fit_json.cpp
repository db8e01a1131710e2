#include "reports/stack_fit_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json errors_object(const FitErrors& errors) {
  return {{"rows", errors.rows},
          {"median_abs", errors.median_abs},
          {"mean_abs", errors.mean_abs},
          {"bias", errors.bias},
          {"p90_abs", errors.p90_abs}};
}

Json numbers_object(const StackNumbers& numbers, const std::vector<StackNumber>& fitted) {
  const auto or_null = [&](StackNumber kind, double value) {
    return std::ranges::find(fitted, kind) == fitted.end() ? Json(nullptr) : Json(value);
  };
  return {{"compute_slowdown", or_null(StackNumber::kCompute, numbers.compute_slowdown)},
          {"memory_slowdown", or_null(StackNumber::kMemory, numbers.memory_slowdown)},
          {"attention_slowdown", or_null(StackNumber::kAttention, numbers.attention_slowdown)},
          {"quantized_slowdown", or_null(StackNumber::kQuantized, numbers.quantized_slowdown)},
          {"launch_us", or_null(StackNumber::kLaunch, numbers.launch / microsecond)}};
}

Json names_of(const std::vector<StackNumber>& kinds) {
  Json names = Json::array();
  for (const StackNumber kind : kinds) {
    names.push_back(std::string(name(kind)));
  }
  return names;
}

Json stack_object(const StackFit& fit) {
  Json gpus = Json::object();
  for (const auto& [profile, numbers] : fit.on_gpu) {
    gpus[profile] = numbers.compute_slowdown;
  }
  return {{"stack", fit.stack},
          {"groups", fit.groups},
          {"numbers", numbers_object(fit.numbers, fit.fitted)},
          {"compute_slowdown_of_gpu", gpus},
          {"untold", names_of(fit.untold)},
          {"error", fit.error},
          {"before", errors_object(fit.before)},
          {"after", errors_object(fit.after)},
          {"left_out", errors_object(fit.left_out)}};
}

}  // namespace

std::string stack_fit_json(const FitOfStacks& fit) {
  Json stacks = Json::array();
  for (const StackFit& stack : fit.stacks) {
    stacks.push_back(stack_object(stack));
  }
  const Json object = {{"before", errors_object(fit.before)},
                       {"after", errors_object(fit.after)},
                       {"left_out", errors_object(fit.left_out)},
                       {"stacks", stacks}};
  return object.dump(2) + "\n";
}

}  // namespace towtank
