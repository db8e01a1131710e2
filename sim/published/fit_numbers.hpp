// Which numbers of a stack its measured runs can tell, and what is known of them before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/published/robust_fit.hpp"
#include "sim/published/stack_numbers.hpp"

namespace towtank {

/// A measured run, as far as a fit asks.
struct FitRow {
  std::string stack;
  std::string profile;
  std::string family;  // runs that say nearly the same: of one model, GPU and precision
  std::string group;   // runs that are left out together: of one source and model
  std::string model;
  std::int64_t sequence = 0;
  bool fused_attention = true;
  bool quantized = false;  // GEMMs on FP8 or FP4 operands
  StackNumbers now;        // as the stack's file has them
  Seconds measured;        // a step
};

enum class StackNumber { kCompute, kMemory, kAttention, kQuantized, kLaunch };

/// Its key in a stack's file.
std::string_view name(StackNumber number);

/// One number to fit. Slowdowns are fitted as logarithms, launches in microseconds.
struct FitNumber {
  StackNumber kind = StackNumber::kCompute;
  std::string profile;  // of the GPU it is for; empty: all that have none of their own
};

inline constexpr std::size_t kFewestRowsOfStack = 6;       // fewer are not fitted to at all
inline constexpr std::size_t kFewestRowsOfGpu = 12;        // for a compute_slowdown of its own
inline constexpr std::size_t kFewestRowsOfAttention = 20;  // for an attention_slowdown
inline constexpr std::size_t kFewestQuantizedRows = 6;     // for a quantized_slowdown, and others

/// The numbers that rows of one stack tell: compute_slowdown of every profile with
/// kFewestRowsOfGpu rows and one for the others, if there are any; memory_slowdown; launch; and
/// attention_slowdown where fused attention was run on at least kFewestRowsOfAttention rows of two
/// sequence lengths or models; and quantized_slowdown where at least kFewestQuantizedRows rows have
/// quantised operands and as many have not.
std::vector<FitNumber> numbers_to_fit(const std::vector<FitRow>& rows);

/// Weak knowledge that keeps a number physical: kernels amid a run take a tenth longer than alone
/// where they compute and a fifth where they move memory (less where a profile knows a GPU only
/// from another one), a CPU needs 8 us to start an operation's kernels.
NumberPrior prior_of(const FitNumber& number);

/// Whether the number is one of a run on that profile, which is one of `numbers`' rows.
bool applies(const FitNumber& number,
             const std::vector<FitNumber>& numbers,
             const std::string& profile);

/// The stack's number in the unit it is fitted in, and the stack with that number.
double value_of(const StackNumbers& stack, StackNumber kind);
StackNumbers with_value(StackNumbers stack, StackNumber kind, double value);

/// A step of `kind` for a derivative, in the unit it is fitted in.
double step_of(StackNumber kind);

}  // namespace towtank
