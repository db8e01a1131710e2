#include "sim/published/stack_numbers.hpp"

namespace towtank {

StackNumbers numbers_of(const SoftwareStack& stack) {
  return {.compute_slowdown = stack.compute_slowdown,
          .memory_slowdown = stack.memory_slowdown,
          .attention_slowdown = stack.attention_slowdown,
          .quantized_slowdown = stack.quantized_slowdown,
          .launch = stack.launch};
}

SoftwareStack with_numbers(SoftwareStack stack, const StackNumbers& now, const StackNumbers& then) {
  stack.compute_slowdown *= then.compute_slowdown / now.compute_slowdown;
  stack.memory_slowdown *= then.memory_slowdown / now.memory_slowdown;
  stack.attention_slowdown *= then.attention_slowdown / now.attention_slowdown;
  stack.quantized_slowdown *= then.quantized_slowdown / now.quantized_slowdown;
  stack.launch = then.launch;
  return stack;
}

}  // namespace towtank
