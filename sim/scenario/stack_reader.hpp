// Reads what a software stack adds to kernels' times.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "sim/plan/software_stack.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// A stack's numbers, and on GPUs whose profiles have these names other ones: clocks that sink
/// under load, kernels of another generation.
struct StacksByGpu {
  SoftwareStack usual;
  std::map<std::string, SoftwareStack, std::less<>> on_gpu;

  const SoftwareStack& on(std::string_view profile) const;
};

/// Of a stack's table: compute_slowdown, memory_slowdown, attention_slowdown, quantized_slowdown,
/// launch, launches_each_expert and step_overhead, and the same in [gpu.<profile>] where they
/// differ. What is not there adds nothing.
StacksByGpu read_stacks_by_gpu(TomlTable& table);

/// The [stack] of a scenario, on a GPU; nothing is added where there is none. What stacks say
/// besides is for `validate published`: their runs, and what these do where a table is silent.
SoftwareStack read_stack(TomlTable& root, std::string_view profile);

}  // namespace towtank
