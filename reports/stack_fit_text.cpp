#include "reports/stack_fit_text.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace towtank {
namespace {

std::string errors_text(const FitErrors& errors) {
  return fmt::format("median {:.1f}%, mean {:.1f}%, bias {:+.1f}%, 90% below {:.1f}%",
                     100.0 * errors.median_abs,
                     100.0 * errors.mean_abs,
                     100.0 * errors.bias,
                     100.0 * errors.p90_abs);
}

std::string evidence(const FitErrors& before, const FitErrors& after, const FitErrors& left_out) {
  return fmt::format("#   before       {}\n#   in the fit   {}\n#   out of fold  {}\n",
                     errors_text(before),
                     errors_text(after),
                     errors_text(left_out));
}

std::string number_text(const StackNumbers& numbers, StackNumber kind) {
  switch (kind) {
    case StackNumber::kCompute:
      return fmt::format("{} = {:.3f}", name(kind), numbers.compute_slowdown);
    case StackNumber::kMemory:
      return fmt::format("{} = {:.3f}", name(kind), numbers.memory_slowdown);
    case StackNumber::kAttention:
      return fmt::format("{} = {:.3f}", name(kind), numbers.attention_slowdown);
    case StackNumber::kQuantized:
      return fmt::format("{} = {:.3f}", name(kind), numbers.quantized_slowdown);
    case StackNumber::kLaunch:
      return fmt::format("{} = \"{:.2f} us\"", name(kind), numbers.launch / microsecond);
  }
  return "";
}

std::string stack_text(const StackFit& fit, const std::string& command) {
  std::string text = fmt::format(
      "# {}: {} rows of {} sources and models\n", fit.stack, fit.after.rows, fit.groups);
  text += evidence(fit.before, fit.after, fit.left_out) + "\n";
  text += fmt::format("# Fitted on {} rows by `{}`, out-of-fold error {:.1f}% in the median.\n",
                      fit.after.rows,
                      command,
                      100.0 * fit.left_out.median_abs);
  for (const StackNumber kind : fit.fitted) {
    const bool untold = std::ranges::find(fit.untold, kind) != fit.untold.end();
    text +=
        number_text(fit.numbers, kind) + (untold ? "  # usual; these rows hardly tell it\n" : "\n");
  }
  text += fmt::format("error = {:.3f}\n", std::min(fit.error, 1.0));
  for (const auto& [profile, numbers] : fit.on_gpu) {
    text +=
        fmt::format("\n[gpu.{}]\n", profile) + number_text(numbers, StackNumber::kCompute) + "\n";
  }
  return text;
}

}  // namespace

std::string stack_fit_text(const FitOfStacks& fit, const std::string& command) {
  std::string text = fmt::format("# All stacks: {} rows\n", fit.after.rows);
  text += evidence(fit.before, fit.after, fit.left_out);
  for (const StackFit& stack : fit.stacks) {
    text += "\n" + stack_text(stack, command);
  }
  return text;
}

}  // namespace towtank
