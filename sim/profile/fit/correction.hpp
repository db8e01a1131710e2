// What single measurements say about a fit: a fit learnt from one library's tables on an idle GPU,
// and kernels measured elsewhere (inside a training step, by another version) differ by a bias and
// by something local to the shape. Both are estimated as a Gaussian process on the logarithm of
// measured over fitted time (simple kriging: Cressie, Statistics for Spatial Data, 1993, ch. 3).
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "sim/profile/fit/kernel_fit.hpp"

namespace towtank {

/// A measurement that the fit is held against.
struct CorrectionPoint {
  std::size_t index = 0;  // of it, for whoever asks which was nearest
  Op op;
  int sms = 0;
  Seconds time;
  double spread = 0.0;  // relative, at 90%
};

/// Covariance of two log residuals: bias^2 + local^2 exp(-distance / length).
struct CorrectionModel {
  double bias = 0.1;
  double local = 0.1;
  double length = 2.0;  // doublings
};

struct FitCorrection {
  CorrectionModel model;
  std::vector<Axis> axes;               // of the fit, and the SMs
  std::vector<std::vector<double>> at;  // (points, axes)
  std::vector<std::size_t> indices;     // (points): CorrectionPoint::index
  std::vector<double> weights;          // (points): inverse covariance times residuals
  std::vector<double> inverse;          // (points x points): inverse covariance
};

/// The correction by `points`, all of the fit's kind and precision. The model is the default below
/// six points and otherwise the most likely of a grid (maximum marginal likelihood). No points: an
/// empty correction.
FitCorrection correct(const KernelFit& fit,
                      const Gpu& gpu,
                      const std::vector<CorrectionPoint>& points);

/// What the correction makes of a fitted time at `op`.
struct Corrected {
  double factor = 1.0;      // on the time
  double error = 0.0;       // relative, at 90%, instead of `fit_error`
  std::size_t nearest = 0;  // index of the nearest point
  double distance = std::numeric_limits<double>::infinity();  // to it, in doublings
};
Corrected corrected(const FitCorrection& correction, const Op& op, int sms, double fit_error);

}  // namespace towtank
