// Fits as profiles write them, one [[fit]] each:
//
//   [[fit]]
//   op = "gemm"
//   precision = "fp8-block"
//   library = "trtllm"
//   source = "tables"
//   rows = 26831
//   floor = "2.1 us"
//   median_error = 0.021                // of hidden rows
//   p90_error = 0.073
//   error_of_measured = 0.02            // the rest at 90%
//   error_per_doubling = 0.12
//   error_per_doubling_outside = 0.3
//   errors = [0.11, 0.06]               // of times up to each limit, and beyond the last
//   error_limits_us = [5.1]
//   rank = 12
//   letters = 2
//   unit = 0.000488
//   factors = """
//   m
//   1: gAq3...
//   2: f+k9...
//   n
//   ..."""
//   points = """
//   1 1024 7168: 6.04
//   ..."""
//
// `factors` lists the sites of each direction below the names of its axes, with their factors, one
// after the other, each a whole number of units in so many letters of base 64 (base64.hpp);
// `points` the kept rows by their sizes, with the time in microseconds and, where all rows are
// kept, the residual in units of 0.0001.
#pragma once

#include <string>

#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// The entry, ending in a newline. Reading it gives a fit with the same text.
std::string fit_text(const KernelFit& fit);

/// Reads an entry but for its key `source`, which the caller reads. Mistakes go to the table; then
/// the result is harmless, but means nothing.
KernelFit read_fit(TomlTable& table);

}  // namespace towtank
