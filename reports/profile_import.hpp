// What tables became in a profile, as data: what `towtank profile import` prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// Rows, or kernels of a trace, that were not used, and why.
struct LeftOut {
  std::string reason;
  std::size_t rows = 0;
};

/// Kernels of one name, of a trace, that told no time of an op.
struct UnmappedKernel {
  std::string name;
  std::size_t calls = 0;
  Seconds time;
  std::string why;  // empty: no entry of the kernel map is for them
};

struct ImportedTable {
  std::string file;
  std::string kind;
  std::string device;  // as the table names it
  std::string version;
  std::size_t samples = 0;
  std::vector<LeftOut> left_out;
  Seconds mapped;    // kernel time of a trace that became samples; of tables: zero, as below
  Seconds unmapped;  // that did not
  std::vector<UnmappedKernel> kernels;  // unmapped, longest first
};

struct ImportedFit {
  std::string op;
  std::string precision;
  std::string library;
  std::int64_t rows = 0;
  std::int64_t rank = 0;
  std::int64_t parameters = 0;
  std::int64_t points = 0;  // rows that are kept
  double median = 0.0;      // absolute errors of rows hidden from the fit
  double p90 = 0.0;
  std::string source;
};

struct ImportReport {
  std::string file;     // that was written
  std::string profile;  // its name
  std::string base;     // where its datasheet, links and single measurements come from
  std::uintmax_t bytes = 0;
  std::vector<ImportedTable> tables;
  std::vector<ImportedFit> fits;
  std::size_t single = 0;     // measurements that are kept one by one
  std::size_t kept_fits = 0;  // of the base, for kernels that no table has
  std::vector<std::string> notes;
};

}  // namespace towtank
