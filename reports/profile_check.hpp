// A profile held against measured times, as data: what `towtank profile check` prints.
//
// The error of a row is estimate / measured - 1: above zero where the profile says too long.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// One row of a table against its estimate.
struct CheckedRow {
  Seconds measured;
  Seconds estimated;
  double stated_error = 0.0;  // relative, at 90%: measured times lie in estimated * (1 +- this)
  bool covered = false;       // the estimate rests on measurements of such kernels
};
double error_of(const CheckedRow& row);

/// How the errors of the covered rows are spread.
struct ErrorSpread {
  double median = 0.0;  // of absolute errors
  double p90 = 0.0;     // of absolute errors
  double worst = 0.0;   // the error furthest from zero, signed
  double bias = 0.0;    // median of signed errors
  double within = 0.0;  // fraction of rows inside their stated range
};

struct CheckFigures {
  std::size_t rows = 0;
  std::size_t covered = 0;
  std::optional<ErrorSpread> errors;  // none: no row is covered
  double coverage() const;            // covered over rows; 0 without rows
};

/// `unusable`: further rows, which nothing could be estimated for.
CheckFigures check_figures(std::span<const CheckedRow> rows, std::size_t unusable);

/// The value below which this share of `values` lies: order statistics with straight lines between
/// them (Hyndman and Fan 1996, type 7). `values` must not be empty.
double quantile(std::vector<double> values, double share);

struct CheckedTable {
  std::string file;
  std::string kind;
  std::string device;   // as the table names it
  std::string version;  // of the library
  std::size_t samples = 0;
  std::size_t skipped = 0;
};

/// The rows of one kind of kernel.
struct CheckedGroup {
  std::string op;
  std::string precision;
  std::string library;
  CheckFigures figures;
};

struct WorstRow {
  std::string file;
  std::size_t line = 0;
  std::string op;  // with precision and sizes
  std::string library;
  Seconds measured;
  Seconds estimated;
  double error = 0.0;
  double stated_error = 0.0;
  std::string origin;
};

struct ProfileCheck {
  std::string profile;
  std::vector<CheckedTable> tables;
  CheckFigures all;
  std::vector<CheckedGroup> groups;
  std::vector<WorstRow> worst;
  std::vector<std::string> notes;
};

}  // namespace towtank
