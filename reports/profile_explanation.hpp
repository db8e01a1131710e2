// How the time of one op is known, as data: what `towtank profile explain` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// A time and how it is known.
struct KnownTime {
  Seconds time;
  double error = 0.0;  // relative, at 90%
  std::string origin;
  bool beyond = false;  // beyond the measured sizes of what it rests on
};

/// One limit of the roofline: an amount of work over what the GPU does of it in a second.
struct RooflineSide {
  std::string limit;  // "compute", "memory", "link"
  std::string work;   // with its unit: "962 GFLOP"
  std::string peak;   // likewise: "989 TFLOPS"
  Seconds least;
  double reached = 0.0;  // least over the estimated time
};

/// The fit that the time comes from.
struct FitUsed {
  std::string kernels;  // "gemm bf16"
  std::string library;
  std::int64_t rows = 0;
  double median = 0.0;  // absolute errors of rows hidden from the fit
  double p90 = 0.0;
  bool transferred = false;
  std::string source;  // what and where, for people
  std::string date;
};

/// A measured time near the op.
struct Neighbour {
  std::vector<double> sizes;  // (Explanation::axes)
  Seconds time;
  double distance = 0.0;  // doublings of the sizes
  std::string source;     // its key
};

/// The same op by other software.
struct Alternative {
  std::string library;
  KnownTime known;
};

struct Explanation {
  std::string gpu;
  std::string op;  // with precision and sizes: "gemm bf16 4096x7168x16384"
  int sms = 0;
  int gpu_sms = 0;
  std::string library;  // that was asked for; empty: any
  KnownTime known;
  std::optional<FlopRate> compute_rate;  // none: nothing is computed
  std::optional<Bandwidth> memory_rate;  // none: nothing passes through memory
  std::optional<Bandwidth> link_rate;    // none: nothing passes through links
  std::vector<RooflineSide> roofline;    // the one that binds first
  std::optional<FitUsed> fit;            // none: it rests on no fit
  std::vector<std::string> axes;         // names of the sizes below
  std::vector<double> asked;             // (axes): of the op itself
  std::vector<Neighbour> neighbours;     // nearest first
  std::vector<Alternative> alternatives;
  std::vector<std::string> notes;
};

}  // namespace towtank
