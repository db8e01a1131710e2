#include "reports/comparison_json.hpp"

#include "reports/comparison.hpp"
#include "reports/training_object.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json difference_object(const Difference& difference, std::span<const TrainingReport> reports) {
  Json inputs = Json::array();
  for (const InputDifference& input : difference.inputs) {
    inputs.push_back({{"key", input.key}, {"first", input.first}, {"other", input.other}});
  }
  Json reasons = Json::array();
  for (const StepReason& reason : difference.reasons) {
    reasons.push_back({{"cause", reason.cause},
                       {"first_seconds", reason.first / second},
                       {"other_seconds", reason.other / second},
                       {"change_seconds", reason.change() / second},
                       {"why", reason.why}});
  }
  return {{"first", reports.front().scenario},
          {"other", reports[difference.report].scenario},
          {"step",
           {{"change_seconds", difference.step / second},
            {"relative", difference.step / reports.front().step.time},
            {"reasons", reasons}}},
          {"dollars",
           {{"change", difference.bill.total() / dollar},
            {"by_hours", difference.bill.by_hours / dollar},
            {"by_price", difference.bill.by_price / dollar}}},
          {"inputs", inputs}};
}

}  // namespace

std::string comparison_json(std::span<const TrainingReport> reports) {
  Json projections = Json::array();
  for (const TrainingReport& report : reports) {
    projections.push_back(training_object(report));
  }
  Json changes = Json::array();
  for (const Difference& difference : differences(reports)) {
    changes.push_back(difference_object(difference, reports));
  }
  const Json comparison = {
      {"schema", "towtank.comparison/1"}, {"reports", projections}, {"differences", changes}};
  // Text that is not UTF-8 (an override can hold it) is written with replacement characters.
  return comparison.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
