// Files of measured times, with what an import must know of them.
#pragma once

#include <string>
#include <vector>

#include "reports/profile_import.hpp"
#include "sim/profile/sample.hpp"

namespace towtank {

struct MeasurementOptions {
  std::string kernel_map;  // of traces: its file
  std::string source;      // what and where, for people; empty: what the file tells
  std::string date;        // empty: what the file tells, or when it was last changed
};

/// One file of measured times.
struct Measurements {
  SampleTable table;
  std::string date;
  std::string source;           // empty: the file tells none
  bool single = false;          // kernels measured one by one or in a run, not a table over sizes
  std::vector<double> spreads;  // (samples), relative; empty: not told
  Seconds mapped;               // kernel time of a trace
  Seconds unmapped;
  std::vector<UnmappedKernel> unmapped_kernels;
};

/// Reads any file that `towtank profile import` takes. InputError or EnvironmentError when it is
/// none.
Measurements read_measurements(const std::string& path, const MeasurementOptions& options);

}  // namespace towtank
