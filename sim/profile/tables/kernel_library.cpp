#include "sim/profile/tables/kernel_library.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/profile/tables/lower_case.hpp"

namespace towtank {
namespace {

struct Backend {
  std::string_view kernels_begin_with;
  std::string_view name;
};

constexpr std::array kBackends = {
    Backend{"sglang", "sglang"},
    Backend{"vllm", "vllm"},
    Backend{"trtllm", "trtllm"},
    Backend{"torch_flow", "trtllm"},
    Backend{"torch_ops", "trtllm"},
    Backend{"moe_torch_flow", "trtllm"},
    Backend{"wideep_compute", "trtllm"},
    Backend{"torch.nn.functional.linear", "vllm"},
    Backend{"cutlassfp8", "vllm"},
    Backend{"deepgemmfp8", "vllm"},
    Backend{"flashinferfp8", "vllm"},
    Backend{"flash_attention", "sglang"},
    Backend{"fa3", "sglang"},
    Backend{"flashinfer", "sglang"},
    Backend{"deepepmoe", "sglang"},
};

/// Kernels that measure the same op as another of their library, and what tells them from it.
struct Alternative {
  std::string_view kernel;
  std::string_view name;
};

constexpr std::array kAlternatives = {
    // vLLM's block-scaled GEMM: by the shape, DeepGEMM, FlashInfer's (few rows) or CUTLASS (sizes
    // that are not whole blocks).
    Alternative{"deepgemmfp8blockscaledmmkernel", "deepgemm"},
    Alternative{"flashinferfp8blockscaledmmkernel", "flashinfer"},
    Alternative{"cutlassfp8blockscaledmmkernel", "cutlass"},
    Alternative{"moe_torch_flow_min_latency", "min-latency"},
    Alternative{"sglang_marlin_moe_situ_as_silu", "marlin"},
    Alternative{"fa3", "fa3"},
    Alternative{"flashinfer", "flashinfer"},
    Alternative{"sglang_customallreduce_graph", "graph"},
    Alternative{"sglang_customallreduce_eager", "eager"},
    Alternative{"vllm_custom_graph", "graph"},
    Alternative{"vllm_custom_eager", "eager"},
    Alternative{"nvlinkonesided", "nvlink-one-sided"},
    Alternative{"nvlinktwosided", "nvlink-two-sided"},
};

std::string_view backend_of_framework(std::string_view framework) {
  constexpr std::array<std::string_view, 3> kFrameworks = {"trtllm", "sglang", "vllm"};
  const auto* found = std::ranges::find(kFrameworks, framework);
  return found == kFrameworks.end() ? std::string_view() : *found;
}

std::string_view backend_of_kernel(std::string_view kernel) {
  const auto* found = std::ranges::find_if(kBackends, [kernel](const Backend& backend) {
    return kernel.starts_with(backend.kernels_begin_with);
  });
  return found == kBackends.end() ? std::string_view() : found->name;
}

std::string_view alternative(std::string_view kernel) {
  const auto* found = std::ranges::find(kAlternatives, kernel, &Alternative::kernel);
  return found == kAlternatives.end() ? std::string_view() : found->name;
}

}  // namespace

KernelLibrary::KernelLibrary(const TableRows& rows, std::string backend, std::string part)
    : backend_(std::move(backend)),
      part_(std::move(part)),
      framework_(rows.find_column("framework")),
      kernel_(rows.find_column("kernel_source")) {}

const std::string& KernelLibrary::of_row(const TableRows& rows) {
  const std::string_view framework = framework_ ? rows.word(*framework_) : std::string_view();
  const std::string_view kernel = kernel_ ? rows.word(*kernel_) : std::string_view();
  for (const Known& known : known_) {
    if (known.framework == framework && known.kernel == kernel) {
      return known.library;
    }
  }
  const std::string kernel_word = lower_case(kernel);
  std::string library(backend_of_framework(lower_case(framework)));
  if (library.empty()) {
    library = backend_;
  }
  if (library.empty()) {
    library = backend_of_kernel(kernel_word);
  }
  if (library.empty()) {
    library = "trtllm";
  }
  for (const std::string_view more : {std::string_view(part_), alternative(kernel_word)}) {
    library += more.empty() ? "" : "/" + std::string(more);
  }
  known_.push_back({std::string(framework), std::string(kernel), std::move(library)});
  return known_.back().library;
}

}  // namespace towtank
