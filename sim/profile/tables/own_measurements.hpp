// Towtank's own measurements, as its kernel harness writes them and as people can by hand:
//
//   device = "NVIDIA H100 80GB HBM3"            # or a profile's name, "h100-sxm"
//   date = "2026-11-22"                         # or "2026-11", or "2026"
//   source = "cuBLAS 13.1, 20 repetitions each, clocks as they came"
//   library = "cublas"                          # of entries that name none themselves
//   version = "13.1"                            # optional
//
//   [[measured]]
//   op = "gemm"
//   precision = "bf16"
//   shape = {m = 4096, n = 7168, k = 16384}
//   sms = 132                                   # optional: those the kernel had; otherwise all
//   time = "1.31 ms"
//   spread = 0.01                               # optional: relative half-width of the repetitions
//   library = "cutlass"                         # optional where the file names one
//
// The entries are those of a profile, but for `source`, which here is the file's: they can be
// pasted into a profile once each names its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/sample.hpp"

namespace towtank {

struct OwnMeasurements {
  SampleTable table;
  std::string date;
  std::string source;
  std::vector<double> spreads;  // (samples) relative half-widths; zero where none was stated
};

/// Whether a file that starts like this holds measurements of this kind. A profile does not.
bool looks_like_own_measurements(std::string_view first_bytes);

/// InputError with every mistake of the file. The same op of one library on the same SMs may occur
/// once.
OwnMeasurements read_own_measurements(std::string_view text, const std::string& file);

}  // namespace towtank
