#include "sim/published/fit_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace towtank {
namespace {

bool tells_attention(const std::vector<FitRow>& rows) {
  std::size_t fused = 0;
  std::set<std::pair<std::string, std::int64_t>> kinds;
  for (const FitRow& row : rows) {
    if (row.fused_attention) {
      ++fused;
      kinds.emplace(row.model, row.sequence);
    }
  }
  return fused >= kFewestRowsOfAttention && kinds.size() >= 2;
}

bool tells_quantized(const std::vector<FitRow>& rows) {
  const auto quantized =
      static_cast<std::size_t>(std::ranges::count(rows, true, &FitRow::quantized));
  return quantized >= kFewestQuantizedRows && rows.size() - quantized >= kFewestQuantizedRows;
}

}  // namespace

std::string_view name(StackNumber number) {
  switch (number) {
    case StackNumber::kCompute:
      return "compute_slowdown";
    case StackNumber::kMemory:
      return "memory_slowdown";
    case StackNumber::kAttention:
      return "attention_slowdown";
    case StackNumber::kQuantized:
      return "quantized_slowdown";
    case StackNumber::kLaunch:
      return "launch";
  }
  return "";
}

std::vector<FitNumber> numbers_to_fit(const std::vector<FitRow>& rows) {
  std::map<std::string, std::size_t> rows_of;
  for (const FitRow& row : rows) {
    ++rows_of[row.profile];
  }
  std::vector<FitNumber> numbers;
  bool others = false;
  for (const auto& [profile, count] : rows_of) {
    if (count >= kFewestRowsOfGpu) {
      numbers.push_back({.kind = StackNumber::kCompute, .profile = profile});
    } else {
      others = true;
    }
  }
  if (others) {
    numbers.push_back({.kind = StackNumber::kCompute, .profile = ""});
  }
  if (!rows.empty()) {
    numbers.push_back({.kind = StackNumber::kMemory, .profile = ""});
    numbers.push_back({.kind = StackNumber::kLaunch, .profile = ""});
  }
  if (tells_quantized(rows)) {
    numbers.push_back({.kind = StackNumber::kQuantized, .profile = ""});
  }
  if (tells_attention(rows)) {
    numbers.push_back({.kind = StackNumber::kAttention, .profile = ""});
  }
  return numbers;
}

NumberPrior prior_of(const FitNumber& number) {
  switch (number.kind) {
    case StackNumber::kCompute:
      return {.centre = std::log(1.1),
              .deviation = 0.15,
              .least = std::log(0.75),
              .most = std::log(3.0)};
    case StackNumber::kMemory:
      return {.centre = std::log(1.2), .deviation = 0.3, .least = 0.0, .most = std::log(4.0)};
    case StackNumber::kAttention:
      return {.centre = 0.0, .deviation = 0.2, .least = std::log(0.8), .most = std::log(4.0)};
    case StackNumber::kQuantized:
      return {.centre = 0.0, .deviation = 0.15, .least = std::log(0.7), .most = std::log(2.0)};
    case StackNumber::kLaunch:
      return {.centre = 8.0, .deviation = 12.0, .least = 0.0, .most = 80.0};
  }
  return {};
}

bool applies(const FitNumber& number,
             const std::vector<FitNumber>& numbers,
             const std::string& profile) {
  if (number.kind != StackNumber::kCompute) {
    return true;
  }
  const bool has_own = std::ranges::any_of(numbers, [&](const FitNumber& own) {
    return !own.profile.empty() && own.profile == profile;
  });
  return has_own ? number.profile == profile : number.profile.empty();
}

double value_of(const StackNumbers& stack, StackNumber kind) {
  switch (kind) {
    case StackNumber::kCompute:
      return std::log(stack.compute_slowdown);
    case StackNumber::kMemory:
      return std::log(stack.memory_slowdown);
    case StackNumber::kAttention:
      return std::log(stack.attention_slowdown);
    case StackNumber::kQuantized:
      return std::log(stack.quantized_slowdown);
    case StackNumber::kLaunch:
      return stack.launch / microsecond;
  }
  return 0.0;
}

StackNumbers with_value(StackNumbers stack, StackNumber kind, double value) {
  switch (kind) {
    case StackNumber::kCompute:
      stack.compute_slowdown = std::exp(value);
      break;
    case StackNumber::kMemory:
      stack.memory_slowdown = std::exp(value);
      break;
    case StackNumber::kAttention:
      stack.attention_slowdown = std::exp(value);
      break;
    case StackNumber::kQuantized:
      stack.quantized_slowdown = std::exp(value);
      break;
    case StackNumber::kLaunch:
      stack.launch = value * microsecond;
      break;
  }
  return stack;
}

double step_of(StackNumber kind) {
  switch (kind) {
    case StackNumber::kCompute:
      return 0.05;
    case StackNumber::kMemory:
    case StackNumber::kAttention:
    case StackNumber::kQuantized:
      return 0.1;
    case StackNumber::kLaunch:
      return 15.0;  // far enough to see past kernels that hide it
  }
  return 0.0;
}

}  // namespace towtank
