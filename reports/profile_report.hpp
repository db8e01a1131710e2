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
};

/// The points of one kind of kernel in one precision, such as "gemm fp8-block".
struct PointGroup {
  std::string op;
  std::vector<PointEntry> points;
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
  std::vector<PointGroup> groups;  // sorted by op
  std::string scenario;            // whose ops follow; empty: none
  std::vector<ResolvedOp> ops;     // every distinct op of its step, largest share first
};

}  // namespace towtank
