#include "sim/scenario/stack_reader.hpp"

#include <optional>

namespace towtank {
namespace {

/// What the table does not say stays as it is.
void read_numbers(TomlTable& table, SoftwareStack& stack) {
  const NumberRange factor{.least = 0.5, .most = 10.0, .example = 1.1};
  stack.compute_slowdown = table.number_or("compute_slowdown", stack.compute_slowdown, factor);
  stack.memory_slowdown = table.number_or("memory_slowdown", stack.memory_slowdown, factor);
  stack.attention_slowdown =
      table.number_or("attention_slowdown", stack.attention_slowdown, factor);
  stack.quantized_slowdown =
      table.number_or("quantized_slowdown", stack.quantized_slowdown, factor);
  stack.launch = table.time_or("launch", stack.launch);
  stack.launches_each_expert = table.flag_or("launches_each_expert", stack.launches_each_expert);
  stack.step_overhead = table.time_or("step_overhead", stack.step_overhead);
}

}  // namespace

const SoftwareStack& StacksByGpu::on(std::string_view profile) const {
  const auto found = on_gpu.find(profile);
  return found == on_gpu.end() ? usual : found->second;
}

StacksByGpu read_stacks_by_gpu(TomlTable& table) {
  StacksByGpu numbers;
  numbers.usual.name = table.text("name", "NeMo 2025");
  table.text("source", "where its numbers are from");
  read_numbers(table, numbers.usual);
  if (std::optional<TomlTable> gpus = table.optional_table("gpu")) {
    for (const std::string& profile : gpus->keys()) {
      SoftwareStack& stack = numbers.on_gpu[profile] = numbers.usual;
      TomlTable gpu = gpus->table(profile, "compute_slowdown = 1.1");
      read_numbers(gpu, stack);
      gpu.finish();
    }
    gpus->finish();
  }
  return numbers;
}

SoftwareStack read_stack(TomlTable& root, std::string_view profile) {
  std::optional<TomlTable> table = root.optional_table("stack");
  if (!table) {
    return {};
  }
  const StacksByGpu numbers = read_stacks_by_gpu(*table);
  for (const std::string_view key : {"error", "runs", "profiles", "known_plan", "plan", "flop"}) {
    table->has(key);
  }
  table->finish();
  return numbers.on(profile);
}

}  // namespace towtank
