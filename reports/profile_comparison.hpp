// Two profiles side by side, as data: what `towtank profile compare` prints.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace towtank {

/// One figure of the datasheets. `ratio` is the second over the first; 0: one of them has none.
struct ComparedFigure {
  std::string figure;
  std::array<std::string, 2> values;
  double ratio = 0.0;
};

/// Ratios of times, the second profile's over the first's, over ops that either one measured.
struct ComparedKernels {
  std::string op;
  std::string precision;
  std::array<std::string, 2> libraries;  // whose fits; empty: no fit
  std::size_t ops = 0;
  std::size_t both_measured = 0;  // of them: measured on both sides, not inferred
  double median = 0.0;
  double p10 = 0.0;
  double p90 = 0.0;
  double error = 0.0;                   // median over the ops of both errors together, at 90%
  std::array<std::string, 2> known_as;  // the origin of most times
};

struct ProfileComparison {
  std::array<std::string, 2> profiles;
  std::vector<ComparedFigure> datasheet;
  std::vector<ComparedKernels> kernels;  // sorted by op, precision and library
  std::vector<std::string> notes;
};

}  // namespace towtank
