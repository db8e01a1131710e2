#include "reports/comparison.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace towtank {
namespace {

/// What an input can change directly; the more specific first.
enum class Reach { kNvlink, kNic, kKernels, kGpu, kEverything, kNothing };

struct InputEffect {
  std::string_view prefix;  // of the key
  std::string_view words;
  Reach reach;
};

// The first that fits a key counts. What fits none (names, prices, the length of the run) cannot
// change a step.
constexpr std::array kEffects = {
    InputEffect{"cluster.nvlink.bandwidth", "NVLink bandwidth", Reach::kNvlink},
    InputEffect{"cluster.nvlink.latency", "NVLink latency", Reach::kNvlink},
    InputEffect{"cluster.nic.bandwidth", "NIC bandwidth", Reach::kNic},
    InputEffect{"cluster.nic.latency", "NIC latency", Reach::kNic},
    InputEffect{"cluster.gpu", "GPU profile", Reach::kGpu},
    InputEffect{"cluster.nodes", "nodes", Reach::kEverything},
    InputEffect{"plan.communication_sms", "SMs held by communication", Reach::kKernels},
    InputEffect{"plan.recompute", "recomputation", Reach::kKernels},
    InputEffect{"plan.precision", "precision", Reach::kEverything},
    InputEffect{"plan.", "", Reach::kEverything},
    InputEffect{"training.sequence", "sequence length", Reach::kEverything},
    InputEffect{"training.batch", "batch", Reach::kEverything},
    InputEffect{"model.name", "", Reach::kNothing},
    InputEffect{"model.", "", Reach::kEverything},
};

bool reaches(Reach reach, std::string_view cause) {
  const bool nvlink = cause.starts_with("nvlink");
  const bool nic = cause.starts_with("nic");
  switch (reach) {
    case Reach::kNvlink:
      return nvlink;
    case Reach::kNic:
      return nic;
    case Reach::kKernels:
      return !nvlink && !nic && cause != kUnattributed;
    case Reach::kGpu:
      return cause != kUnattributed;
    case Reach::kEverything:
      return true;
    case Reach::kNothing:
      return false;
  }
  return false;
}

const InputEffect* effect_of(std::string_view key) {
  // "cluster.gpus_per_node" is no "cluster.gpu": a prefix ends where the key does, or at a dot.
  const auto fits = [key](const InputEffect& effect) {
    return key == effect.prefix || (effect.prefix.ends_with('.') && key.starts_with(effect.prefix));
  };
  const auto found = std::ranges::find_if(kEffects, fits);
  return found == kEffects.end() ? nullptr : &*found;
}

std::string shown_value(const std::string& value) {
  return value.empty() ? "none" : value;
}

/// The changed inputs that reach the cause, in words; the most specific first.
std::vector<std::string> named_inputs(std::string_view cause,
                                      const std::vector<InputDifference>& inputs) {
  std::multimap<Reach, std::string> named;
  for (const InputDifference& input : inputs) {
    const InputEffect* effect = effect_of(input.key);
    if (effect != nullptr && reaches(effect->reach, cause)) {
      const std::string words(effect->words.empty() ? std::string_view(input.key) : effect->words);
      named.emplace(
          effect->reach,
          fmt::format("{} {} -> {}", words, shown_value(input.first), shown_value(input.other)));
    }
  }
  std::vector<std::string> result;
  for (const auto& [reach, text] : named) {
    result.push_back(text);
  }
  return result;
}

std::string joined_names(std::vector<std::string> named) {
  constexpr std::size_t kMostNamed = 3;
  if (named.size() > kMostNamed) {
    const std::size_t more = named.size() - kMostNamed;
    named.resize(kMostNamed);
    named.push_back(fmt::format("{} more", more));
  }
  return fmt::format("{}", fmt::join(named, ", "));
}

/// The same transfer on the other kind of link: "nic dispatch" for "nvlink dispatch"; empty for
/// what is no transfer.
std::string on_the_other_link(const std::string& cause) {
  for (const auto& [here, there] : {std::pair("nvlink ", "nic "), std::pair("nic ", "nvlink ")}) {
    if (cause.starts_with(here)) {
      return there + cause.substr(std::string_view(here).size());
    }
  }
  return "";
}

std::string why(const StepReason& reason,
                const std::map<std::string, StepReason>& all,
                const std::vector<InputDifference>& inputs) {
  constexpr Seconds kRounding{1e-9};
  if (reason.change() < kRounding && reason.change() > -kRounding) {
    return "unchanged";
  }
  const auto hider = all.find(on_the_other_link(reason.cause));
  if (hider != all.end() && reason.change() > Seconds{} && hider->second.change() < -kRounding) {
    return "no longer hidden behind " + hider->first;
  }
  const std::vector<std::string> named = named_inputs(reason.cause, inputs);
  if (named.empty()) {
    return "none of its own inputs changed: the step now waits for other operations";
  }
  return joined_names(named);
}

std::map<std::string, Seconds> causes_of(const TrainingReport& report) {
  std::map<std::string, Seconds> causes;
  Seconds rest = report.step.time;
  for (const CriticalShare& share : report.critical_path) {
    causes[share.cause] += share.time;
    rest -= share.time;
  }
  constexpr double kRounding = 1e-9;  // of the step: the sum of some 10,000 events
  if (std::abs(rest.si()) > kRounding * report.step.time.si()) {
    causes[kUnattributed] += rest;
  }
  return causes;
}

std::vector<StepReason> reasons(const TrainingReport& first,
                                const TrainingReport& other,
                                const std::vector<InputDifference>& inputs) {
  std::map<std::string, StepReason> by_cause;
  for (const auto& [cause, time] : causes_of(first)) {
    by_cause[cause].first = time;
  }
  for (const auto& [cause, time] : causes_of(other)) {
    by_cause[cause].other = time;
  }
  std::vector<StepReason> result;
  for (auto& [cause, reason] : by_cause) {
    reason.cause = cause;
  }
  for (auto& [cause, reason] : by_cause) {
    reason.why = why(reason, by_cause, inputs);
    result.push_back(reason);
  }
  std::ranges::stable_sort(result, std::ranges::greater{}, [](const StepReason& reason) {
    return std::abs(reason.change().si());
  });
  return result;
}

std::vector<InputDifference> changed_inputs(const TrainingReport& first,
                                            const TrainingReport& other) {
  std::map<std::string, InputDifference> by_key;
  for (const InputEntry& input : first.inputs) {
    by_key[input.key].first = input.value;
  }
  for (const InputEntry& input : other.inputs) {
    by_key[input.key].other = input.value;
  }
  std::vector<InputDifference> changed;
  for (auto& [key, input] : by_key) {
    if (input.first != input.other && !key.starts_with("published.")) {
      input.key = key;
      changed.push_back(input);
    }
  }
  return changed;
}

BillChange bill_change(const TrainingReport& first, const TrainingReport& other) {
  const Seconds hours_first = first.total_gpu_hours * hour;
  const Seconds hours_other = other.total_gpu_hours * hour;
  return {.by_hours = (hours_other - hours_first) * (0.5 * (first.price + other.price)),
          .by_price = (other.price - first.price) * (0.5 * (hours_first + hours_other))};
}

}  // namespace

std::vector<Difference> differences(std::span<const TrainingReport> reports) {
  std::vector<Difference> result;
  for (std::size_t i = 1; i < reports.size(); ++i) {
    const TrainingReport& first = reports.front();
    const TrainingReport& other = reports[i];
    const std::vector<InputDifference> inputs = changed_inputs(first, other);
    result.push_back({.report = i,
                      .inputs = inputs,
                      .step = other.step.time - first.step.time,
                      .reasons = reasons(first, other, inputs),
                      .bill = bill_change(first, other)});
  }
  return result;
}

}  // namespace towtank
