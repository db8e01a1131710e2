#include "sim/profile/tables/kineto.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/op_text.hpp"
#include "sim/profile/tables/chrome_trace.hpp"
#include "sim/profile/tables/recorded_op.hpp"

namespace towtank {
namespace {

/// Kernels without samples, by name.
class Remainder {
 public:
  void add(const std::string& name, Seconds time, const std::string& why) {
    const auto [place, fresh] = places_.emplace(name, times_.size());
    if (fresh) {
      times_.push_back({.name = name, .kernels = 0, .time = {}, .why = why});
    }
    KernelTime& entry = times_[place->second];
    ++entry.kernels;
    entry.time += time;
  }

  /// Longest first; what is equally long in order of appearance.
  std::vector<KernelTime> sorted() && {
    std::ranges::stable_sort(
        times_, [](const KernelTime& a, const KernelTime& b) { return a.time > b.time; });
    return std::move(times_);
  }

 private:
  std::vector<KernelTime> times_;
  std::unordered_map<std::string, std::size_t> places_;
};

/// All measurements of one op by one library.
struct Repetitions {
  Op op;
  std::string library;
  std::size_t line = 0;  // of the first
  std::vector<Seconds> times;
};

/// Of a collective the shortest, of all else the median.
Seconds typical(Repetitions& repetitions) {
  std::ranges::sort(repetitions.times);
  const std::vector<Seconds>& times = repetitions.times;
  if (shape_form(repetitions.op.kind) == ShapeForm::kCollective) {
    return times.front();
  }
  const std::size_t middle = times.size() / 2;
  return times.size() % 2 == 1 ? times[middle] : 0.5 * (times[middle - 1] + times[middle]);
}

class TraceAccount {
 public:
  TraceAccount(const ChromeTrace& trace, const KernelMap& map) : trace_(trace) {
    rules_.reserve(trace.kernel_names.size());
    for (const std::string& name : trace.kernel_names) {
      rules_.push_back(rule_for(map, name));
    }
    for (const OperatorRule& rule : map.operators) {
      operators_[rule.name].push_back(&rule);
    }
  }

  void read(KinetoReading& reading) {
    for (const TracedKernel& kernel : trace_.kernels) {
      reading.total += kernel.time;
      add(kernel);
    }
    for (Measurement& measurement : measurements_) {
      settle(measurement);
    }
    for (Repetitions& one : repetitions_) {
      for (const Seconds time : one.times) {
        reading.mapped += time;
      }
      reading.table.samples.push_back(
          {.op = one.op, .sms = 0, .library = one.library, .time = typical(one), .line = one.line});
    }
    reading.shapeless = std::move(shapeless_).sorted();
    reading.unmapped = std::move(unmapped_).sorted();
  }

 private:
  /// The kernels of one operator call that belong to one op; or one kernel alone.
  struct Measurement {
    std::uint32_t op = 0;  // index into ops_
    std::vector<const TracedKernel*> kernels;
  };

  const std::string& name_of(const TracedKernel& kernel) const {
    return trace_.kernel_names[kernel.name];
  }

  void add(const TracedKernel& kernel) {
    const KernelRule* rule = rules_[kernel.name];
    if (rule == nullptr) {
      unmapped_.add(name_of(kernel), kernel.time, "");
      return;
    }
    const std::optional<std::uint32_t> op = op_of(kernel, *rule);
    if (!op) {
      shapeless_.add(name_of(kernel), kernel.time, why_);
    } else if (rule->shape == KernelRule::Shape::kOperator) {
      const auto [place, fresh] =
          measurement_of_.emplace(std::pair(*kernel.external_id, *op), measurements_.size());
      if (fresh) {
        measurements_.push_back({.op = *op, .kernels = {}});
      }
      measurements_[place->second].kernels.push_back(&kernel);
    } else {
      measurements_.push_back({.op = *op, .kernels = {&kernel}});
    }
  }

  /// The kernel's op as an index into ops_; none, with why_ set, when it is not known. What a rule
  /// makes of a call, name or message is worked out once.
  std::optional<std::uint32_t> op_of(const TracedKernel& kernel, const KernelRule& rule) {
    std::uint32_t source = 0;
    if (rule.shape == KernelRule::Shape::kOperator) {
      const std::optional<std::uint32_t> call = found(trace_.call_of, kernel.external_id);
      if (!call) {
        why_ = "the operator that launched it is not in the map, or not in the trace";
        return std::nullopt;
      }
      source = *call;
    } else if (rule.shape == KernelRule::Shape::kMessage) {
      const std::optional<std::uint32_t> message =
          kernel.message ? kernel.message : found(trace_.message_of, kernel.external_id);
      if (!message) {
        why_ = "its message was not recorded";
        return std::nullopt;
      }
      source = *message;
    } else if (rule.shape == KernelRule::Shape::kNone) {
      why_ = "the map has no rule for its sizes";
      return std::nullopt;
    }
    const auto [place, fresh] = known_.emplace(
        std::tuple(kernel.name, source), std::pair<std::optional<std::uint32_t>, std::string>());
    if (fresh) {
      const RecordedOp recorded = recorded_op(kernel, rule, source);
      place->second = {recorded.op ? std::optional(op_index(*recorded.op)) : std::nullopt,
                       recorded.why};
    }
    why_ = place->second.second;
    return place->second.first;
  }

  static std::optional<std::uint32_t> found(
      const std::unordered_map<std::int64_t, std::uint32_t>& places,
      std::optional<std::int64_t> external_id) {
    const auto place = external_id ? places.find(*external_id) : places.end();
    return place == places.end() ? std::nullopt : std::optional(place->second);
  }

  RecordedOp recorded_op(const TracedKernel& kernel,
                         const KernelRule& rule,
                         std::uint32_t source) const {
    if (rule.shape == KernelRule::Shape::kName) {
      return op_of_name(rule, name_of(kernel));
    }
    if (rule.shape == KernelRule::Shape::kMessage) {
      RecordedOp recorded = op_of_message(trace_.messages[source], trace_.gpus);
      if (recorded.op && std::ranges::find(rule.ops, recorded.op->kind) == rule.ops.end()) {
        return {std::nullopt, fmt::format("the map has it do no {}", name(recorded.op->kind))};
      }
      return recorded;
    }
    const OperatorCall& call = trace_.calls[source];
    for (const OperatorRule* candidate : operators_.at(call.name)) {
      if (std::ranges::find(rule.ops, candidate->op) != rule.ops.end()) {
        return op_of_call(*candidate, rule, call);
      }
    }
    return {std::nullopt, fmt::format("{} does other things as well", call.name)};
  }

  std::uint32_t op_index(const Op& op) {
    const auto [place, fresh] =
        op_places_.emplace(op_text(op), static_cast<std::uint32_t>(ops_.size()));
    if (fresh) {
      ops_.push_back(op);
    }
    return place->second;
  }

  /// One call launches one main kernel, or several where the map says so, and any helpers.
  /// Otherwise it is not known which of them did the op: a launch of a graph looks like one call.
  void settle(const Measurement& measurement) {
    std::size_t ones = 0;
    std::size_t several = 0;
    Seconds time;
    const KernelRule* main = nullptr;
    for (const TracedKernel* kernel : measurement.kernels) {
      const KernelRule* rule = rules_[kernel->name];
      ones += rule->per_call == KernelRule::PerCall::kOne ? 1 : 0;
      several += rule->per_call == KernelRule::PerCall::kSeveral ? 1 : 0;
      main = rule->per_call == KernelRule::PerCall::kHelper ? main : rule;
      time += kernel->time;
    }
    if (main != nullptr && ones + (several > 0 ? 1 : 0) == 1 && time > Seconds()) {
      add_repetition(measurement, *main, time);
      return;
    }
    const std::string why = main == nullptr    ? "only helpers of its operator were recorded"
                            : time > Seconds() ? "one operator call launched several of them"
                                               : "it took no time";
    for (const TracedKernel* kernel : measurement.kernels) {
      shapeless_.add(name_of(*kernel), kernel->time, why);
    }
  }

  void add_repetition(const Measurement& measurement, const KernelRule& main, Seconds time) {
    const auto [place, fresh] =
        repetitions_of_.emplace(std::pair(measurement.op, main.library), repetitions_.size());
    if (fresh) {
      repetitions_.push_back({.op = ops_[measurement.op],
                              .library = main.library,
                              .line = measurement.kernels.front()->line,
                              .times = {}});
    }
    repetitions_[place->second].times.push_back(time);
  }

  const ChromeTrace& trace_;
  std::vector<const KernelRule*> rules_;  // (kernel names) null: unmapped
  std::unordered_map<std::string, std::vector<const OperatorRule*>> operators_;

  std::vector<Op> ops_;
  std::unordered_map<std::string, std::uint32_t> op_places_;
  std::map<std::tuple<std::uint32_t, std::uint32_t>,
           std::pair<std::optional<std::uint32_t>, std::string>>
      known_;  // of each kernel name and call or message
  std::string why_;

  std::vector<Measurement> measurements_;
  std::map<std::pair<std::int64_t, std::uint32_t>, std::size_t> measurement_of_;
  std::vector<Repetitions> repetitions_;
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> repetitions_of_;
  Remainder shapeless_;
  Remainder unmapped_;
};

}  // namespace

Seconds total(const std::vector<KernelTime>& times) {
  Seconds sum;
  for (const KernelTime& one : times) {
    sum += one.time;
  }
  return sum;
}

bool looks_like_kineto(std::string_view first_bytes) {
  const std::size_t start = first_bytes.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (first_bytes[start] != '{' && first_bytes[start] != '[')) {
    return false;
  }
  constexpr std::size_t kEnough = 1 << 16;
  const std::string_view text = first_bytes.substr(start, kEnough);
  const auto has = [text](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  return has("\"traceEvents\"") || has("\"schemaVersion\"") || has("\"deviceProperties\"") ||
         (has("\"ph\"") && has("\"ts\""));
}

KinetoReading read_kineto(std::string_view text, const std::string& file, const KernelMap& map) {
  const ChromeTrace trace = read_chrome_trace(text, file, map);
  if (trace.kernels.empty()) {
    throw InputError({.file = file, .line = 1},
                     fmt::format("none of {} events is a GPU kernel", trace.events),
                     "record with activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]");
  }
  KinetoReading reading;
  reading.table.file = file;
  reading.table.kind = "kineto";
  reading.table.device = trace.device;
  reading.events = trace.events;
  reading.kernels = trace.kernels.size();
  TraceAccount(trace, map).read(reading);
  return reading;
}

}  // namespace towtank
