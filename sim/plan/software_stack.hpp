// What the software that runs a training job adds to the times of its kernels.
#pragma once

#include <string>

#include "sim/base/units.hpp"

namespace towtank {

/// Few numbers with a physical meaning, the same for every run of a framework's generation. The
/// defaults add nothing. A slowdown below 1 says that the profile's kernels are slower than those
/// that ran: they are of an older library, or transferred from another GPU.
struct SoftwareStack {
  std::string name = {};
  /// Time of a kernel amid a run over its time alone, as profiles have it: clocks under sustained
  /// load and power limits, caches that others filled. Of kernels on tensor cores, and of those
  /// that move memory.
  double compute_slowdown = 1.0;
  double memory_slowdown = 1.0;
  /// Of attention beyond that: its kernels may be of another generation than those the profile
  /// knows (FlashAttention 2 where that has 3), or scores may go through memory, which takes time
  /// in proportion to them all the same.
  double attention_slowdown = 1.0;
  /// Of GEMMs on FP8 and FP4 operands beyond that: kernels whose scales are found and applied on
  /// the way, clocks that more work a second brings down.
  double quantized_slowdown = 1.0;
  /// The CPU's time to start one kernel. Where kernels are shorter, the GPU waits for the CPU.
  /// Zero: CUDA graphs, or a CPU that is never late.
  Seconds launch = {};
  /// Whether a grouped GEMM is one kernel an expert (cuBLAS on several streams, as Transformer
  /// Engine's GroupedLinear), or one kernel for all.
  bool launches_each_expert = false;
  Seconds step_overhead = {};  // of a step, outside all kernels: data, logging, barriers
};

}  // namespace towtank
