// Kernel times from a few single measurements of other shapes: the utilisation of the nearest.
#pragma once

#include <optional>
#include <string_view>

#include "sim/profile/profile.hpp"

namespace towtank {

/// No measurement is trusted further: clocks and temperature move kernel times by about this much.
inline constexpr double kLeastError = 0.02;

/// A relative error beyond this would say nothing about the lower end.
inline constexpr double kGreatestError = 0.9;

double capped(double error);

/// Error of the measurement itself.
double point_error(const MeasuredPoint& point);

/// Error that `share` of transferred neighbours adds.
double transfer_error(const Profile& profile, double share);

/// True when `known` is the library that is asked for, or one of its kernels ("vllm/deepgemm" of
/// "vllm"). Any is, when none is asked for.
bool is_library(std::string_view known, std::string_view asked);

/// True when a question about this library may use the point.
bool is_run_by(const MeasuredPoint& point, std::string_view library);

/// Rule 4 of estimate(); nothing when no point of this kind, precision and library is there.
std::optional<Estimate> from_neighbours(const Profile& profile,
                                        const Op& op,
                                        int sms,
                                        std::string_view library);

}  // namespace towtank
