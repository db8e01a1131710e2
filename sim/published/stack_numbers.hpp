// The numbers of a software stack that measured runs can tell.
#pragma once

#include "sim/base/units.hpp"
#include "sim/plan/software_stack.hpp"

namespace towtank {

/// As in SoftwareStack.
struct StackNumbers {
  double compute_slowdown = 1.0;
  double memory_slowdown = 1.0;
  double attention_slowdown = 1.0;
  double quantized_slowdown = 1.0;
  Seconds launch = {};
};

StackNumbers numbers_of(const SoftwareStack& stack);

/// The stack of a run that was made with numbers `now`, as it is with `then`. Whatever else slows
/// the run down, such as a GPU with lower clocks than its profile's, stays in proportion.
SoftwareStack with_numbers(SoftwareStack stack, const StackNumbers& now, const StackNumbers& then);

}  // namespace towtank
