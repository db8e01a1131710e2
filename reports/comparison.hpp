// What differs between projections, and why: inputs, reasons of the step's change, parts of the
// bill's.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reports/training_report.hpp"
#include "sim/base/units.hpp"

namespace towtank {

/// An input whose value is not the same in both projections. An input that one of them does not
/// have is empty there.
struct InputDifference {
  std::string key;
  std::string first;
  std::string other;
};

/// A cause's part of the change of the step time.
struct StepReason {
  std::string cause;  // of the critical path, or kUnattributed
  Seconds first;      // on the critical path of the first projection
  Seconds other;
  std::string why;  // a sentence that names the inputs that changed, where they can be told

  Seconds change() const { return other - first; }
};

/// What of a step no cause of the critical path accounts for.
inline constexpr const char* kUnattributed = "waiting";

/// The change of the whole bill: hours valued at the mean of both prices, prices at the mean of
/// both hours. The two parts sum to the change exactly.
struct BillChange {
  Dollars by_hours;
  Dollars by_price;

  Dollars total() const { return by_hours + by_price; }
};

/// A projection against the first one.
struct Difference {
  std::size_t report = 0;  // index of the other projection
  std::vector<InputDifference>
      inputs;    // sorted by key; published figures, which change nothing, left out
  Seconds step;  // change of the step time
  std::vector<StepReason> reasons;  // largest change first; they sum to the step's change
  BillChange bill;
};

/// Every further report against the first.
std::vector<Difference> differences(std::span<const TrainingReport> reports);

}  // namespace towtank
