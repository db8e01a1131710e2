// Two profiles side by side, as data to print.
#pragma once

#include "reports/profile_comparison.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

/// Times of the second profile over those of the first: for the kernels of every fit, over the rows
/// that either profile keeps of it; for single measurements, over the ops that either one measured.
/// Where one side has no fit of the library it answers for its default one.
ProfileComparison compare_profiles(const Profile& base,
                                   const Profile& other,
                                   const std::vector<OpKind>& kinds);

}  // namespace towtank
