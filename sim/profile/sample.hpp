// Measured kernel times as tables hold them: many, of one GPU and one library.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/op.hpp"

namespace towtank {

/// One measured time. `library` names the software that ran it: "trtllm", "sglang", "vllm", "nccl",
/// "deepep", and after a slash its kernel where it has several for the same op:
/// "vllm/deepgemm", "sglang/marlin", "trtllm/nongated".
struct Sample {
  Op op;
  int sms = 0;  // SMs the kernel had; 0: all of the GPU
  std::string library;
  Seconds time;
  std::size_t line = 0;  // of the file, from 1; 0: not from lines
};

/// Rows that were understood but cannot be used, and why.
struct SkippedRows {
  std::string reason;
  std::size_t rows = 0;
};

/// A file of measured times.
struct SampleTable {
  std::string file;
  std::string kind;     // "gemm_perf", "nccl-tests", "kineto", ...: what it was recognised as
  std::string device;   // as the file names it ("h100_sxm", "NVIDIA H100 80GB HBM3"); may be empty
  std::string version;  // of the library, where the file says so
  std::vector<Sample> samples;
  std::vector<SkippedRows> skipped;
};

}  // namespace towtank
