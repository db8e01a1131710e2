// What was learnt from a table of measured times: how much of the speed of light kernels of one
// kind reach, as a function of their sizes, and how wrong that is where it was not measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/op.hpp"
#include "sim/profile/axis.hpp"
#include "sim/profile/fit/residual_grid.hpp"
#include "sim/profile/fit/separable.hpp"
#include "sim/profile/gpu.hpp"
#include "sim/profile/sample.hpp"

namespace towtank {

/// Which kernels a fit speaks for: everything that is not a size. Precisions that only change how
/// many bytes are moved are sizes: of cached keys and values, and of what a collective moves, whose
/// `precision` is always BF16 here.
struct KernelKey {
  OpKind kind = OpKind::kGemm;
  Precision precision = Precision::kBf16;
  std::int64_t window = 0;     // attention only
  bool narrow_values = false;  // attention whose values are narrower than its keys, as MLA's
  bool gated = true;           // expert layers only
  std::string library;

  friend bool operator==(const KernelKey&, const KernelKey&) = default;
};
KernelKey key_of(const Op& op, std::string library);

/// True when two keys are alike but for the attention window and the library.
bool same_kernel(const KernelKey& a, const KernelKey& b);

/// A measured row, at sites of the fit.
struct FitPoint {
  std::vector<double> at;  // (axes)
  Seconds time;
  double residual = 0.0;  // log of the measured over the fitted time
};

/// Relative errors at 90%, found by cross-validation: rows that a fold hides from the fit.
struct FitError {
  /// Errors of times up to each limit, ascending; the last limit is infinite.
  std::vector<double> time_limits = {std::numeric_limits<double>::infinity()};  // s
  std::vector<double> at_knots = {0.1};                                         // (time_limits)
  double of_measured = 0.02;          // of a row that is one of the points, repeated
  double per_doubling = 0.1;          // added (as a square) per doubling away from the sites
  double per_doubling_outside = 0.2;  // the same outside of their bounds
  double median = 0.0;                // over all hidden rows, of |estimate / measured - 1|
  double p90 = 0.0;
};

struct KernelFit {
  KernelKey key;
  std::vector<Axis> axes;  // those of the directions of `log_slowdown`, in turn
  Seconds floor;           // added to the speed of light: what a kernel of no work takes
  Seconds longest{};       // of the rows; a longer time is beyond what was measured. Zero: not told
  std::int64_t tile = 0;   // GEMM rows and columns are counted in whole tiles of this; 0: exactly
  int sms = 0;             // SMs of the rows; 0: all of the GPU, or an axis
  Separable log_slowdown;  // log of time over (speed of light + floor)
  double unit = 1e-3;      // the factors are whole numbers of it
  int letters = 2;         // that write a factor, in base 64; see base64.hpp
  FitError error;
  std::vector<FitPoint> points;           // chosen rows of the table, or all of them
  bool complete = false;                  // points are all rows: their residuals correct the fit
  std::vector<double> neighbour_weights;  // (directions), of a complete fit; see ResidualGrid
  ResidualGrid residuals;                 // of a complete fit: follows from the points
  std::int64_t rows = 0;                  // of the table
  std::string source;                     // key of Profile::sources
  bool transferred = false;               // adopted from Profile::transfer's GPU
};

/// Rebuilds `residuals` of a complete fit from its points; called after they changed.
void index_points(KernelFit& fit);

/// Time of the fitted kernels without utilisation: speed of light on `sms` SMs, in whole tiles,
/// plus the floor.
Seconds base_time(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms);

/// What a fit says of an op.
struct FitEstimate {
  Seconds time;
  double error = 0.0;                 // relative, at 90%
  bool measured = false;              // one of `points`
  bool outside = false;               // beyond the measured sizes
  const FitPoint* nearest = nullptr;  // of `points`; null when there is none near in a full table
};

/// `op` must have the fit's kind; other parts of the key may differ, and change only the speed of
/// light. On other SMs than the fit's rows had, the slowdown stays and half of the change of the
/// base time counts as error. Where SMs are an axis, all SMs of the GPU (a caller who does not
/// restrict the kernel) stands for the most that were measured.
FitEstimate estimate(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms);

struct FitOptions {
  int most_parameters = 3200;  // of one fit that keeps chosen points; the rank follows
  int folds = 5;
  int chosen_points = 10;  // kept in the fit, spread over the table
  bool keep_all_points = false;
  std::size_t keep_all_points_up_to = 0;  // rows: of tables so small it is not worth choosing
  int threads = 2;
  /// Called after each fit with the fits done, of how many, and the rows of the last; may be empty.
  std::function<void(std::size_t done, std::size_t of, const KernelFit& last)> progress;
};

/// One fit for each key among the samples, in order of first appearance. Samples of one key with
/// the same sizes count as one, at the median time. Deterministic, whatever the threads.
std::vector<KernelFit> fit_kernels(const std::vector<Sample>& samples,
                                   const Gpu& gpu,
                                   const std::string& source,
                                   const FitOptions& options);

/// Numbers that a fit's function is written in.
std::size_t parameters(const KernelFit& fit);

}  // namespace towtank
