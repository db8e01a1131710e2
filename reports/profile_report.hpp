// What is known of one GPU, as data: what `towtank profile show` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"

namespace towtank {

struct SourceEntry {
  std::string key;
  std::string text;
  std::string date;
};

struct DatasheetEntry {
  int sms = 0;
  FlopRate bf16_peak;
  FlopRate fp8_peak;
  Bandwidth memory_bandwidth;
  Bytes memory;
  std::string source;  // keys of ProfileReport::sources, here and below
};

/// What is assumed of what nobody measured, as fractions of the datasheet.
struct FallbackEntry {
  double compute = 0.0;
  double memory = 0.0;
  double link = 0.0;
  double error = 0.0;
  std::string source;
};

struct TransferEntry {
  std::string from;
  std::string reason;
  double error = 0.0;
};

struct LinkEntry {
  TransferKind kind = TransferKind::kDispatch;
  Medium medium = Medium::kNic;
  double alone = 0.0;
  double shared = 0.0;
  Seconds start_up;
  double error = 0.0;
  std::string origin;
  std::string source;
};

/// One measured kernel. `utilisation` is the least time the datasheet allows over the measured
/// time.
struct PointEntry {
  std::string shape;
  int sms = 0;
  Seconds time;
  double utilisation = 0.0;
  double spread = 0.0;
  bool transferred = false;
  std::string source;
  std::string library;  // that ran it; empty: not told
};

/// The points of one kind of kernel in one precision, such as "gemm fp8-block".
struct PointGroup {
  std::string op;
  std::vector<PointEntry> points;
};

/// The sizes that a fit learnt from.
struct SizeRange {
  std::string axis;  // "m", "rows-per-group", ...
  double least = 0.0;
  double most = 0.0;
};

/// What was learnt from tables of one kind of kernel, in one precision, by one library.
struct FitEntry {
  std::string op;
  std::string precision;  // and what else tells kernels apart: "bf16, fp8 cache, window 128"
  std::string library;
  std::int64_t rows = 0;        // of the table
  std::int64_t parameters = 0;  // that were learnt from them
  std::int64_t points = 0;      // rows that are kept
  double median = 0.0;          // absolute errors of rows hidden from the fit
  double p90 = 0.0;
  double least_error = 0.0;  // stated errors at 90%, by time: the smallest and the largest
  double greatest_error = 0.0;
  std::vector<SizeRange> sizes;
  bool transferred = false;
  std::string source;
};

/// One kind of kernel of a step: how long it takes and how that is known.
struct ResolvedOp {
  std::string op;  // with its shape
  int sms = 0;
  Seconds time;
  double error = 0.0;
  std::string origin;
  std::string nearest;  // measured op it rests on, with its shape; empty if none
  double share = 0.0;   // of the kernel time of all GPUs
};

struct ProfileReport {
  std::string name;
  DatasheetEntry datasheet;
  std::vector<SourceEntry> sources;
  Seconds launch;
  std::string launch_source;
  FallbackEntry fallback;
  std::optional<TransferEntry> transfer;
  std::vector<LinkEntry> links;
  std::vector<FitEntry> fits;      // sorted by op; of one op and precision, the default first
  std::vector<PointGroup> groups;  // sorted by op
  std::string scenario;            // whose ops follow; empty: none
  std::vector<ResolvedOp> ops;     // every distinct op of its step, largest share first
};

}  // namespace towtank
