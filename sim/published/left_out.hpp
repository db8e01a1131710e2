// Cross-validation: every row judged by a fit to others.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/published/robust_fit.hpp"

namespace towtank {

/// Residuals of the rows, each with numbers fitted without the part of the rows it belongs to.
/// There are at most five parts, of about as many rows, and none divides a group. Where all rows
/// are of one group, the priors alone are held against them.
std::vector<double> left_out_residuals(const std::vector<LinearRow>& rows,
                                       const std::vector<NumberPrior>& priors,
                                       const std::vector<std::string>& groups);

/// How many there are.
std::size_t group_count(const std::vector<std::string>& groups);

}  // namespace towtank
