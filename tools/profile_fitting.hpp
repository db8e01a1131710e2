// What measured times become in a profile: fits of whole tables, single measurements, and sources.
#pragma once

#include <string>
#include <vector>

#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/profile.hpp"
#include "tools/profile_measurements.hpp"

namespace towtank {

struct LearntPart {
  std::vector<Source> sources;
  std::vector<MeasuredPoint> points;
  std::vector<KernelFit> fits;
};

/// Fits every kind of kernel of which there are rows enough; the others become single measurements.
/// Files of the same kind, library and version are one table. Keys of sources avoid those that
/// `base` has. InputError when two sources measure the same kernels, when rows had more SMs than
/// the GPU has, or when `base` does not state the bandwidths that their roofline needs.
LearntPart learn(const std::vector<Measurements>& files,
                 const Profile& base,
                 const FitOptions& options);

/// As they stand in a profile.
std::string learnt_text(const LearntPart& part);

}  // namespace towtank
