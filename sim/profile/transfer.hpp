// Measurements of one GPU taken over by another with the same compute.
#pragma once

#include "sim/profile/profile.hpp"

namespace towtank {

/// Adds the points and fits that `from` measured itself, for ops that `profile` did not measure,
/// and their sources. A fit is adopted as the fraction of the roofline that kernels reach, so that
/// collectives follow the GPU's own links beyond their start-up. Link efficiencies and single
/// collectives are never adopted: what differs between GPUs of one silicon is how they are
/// connected.
void adopt_measurements(Profile& profile, const Profile& from);

/// Adds `error` to that of every kernel time measured on `profile`'s GPU.
void widen(Profile& profile, double error);

/// Holds every fit against the single measurements of its kind (Profile::corrections).
void correct_fits(Profile& profile);

}  // namespace towtank
