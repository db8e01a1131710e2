// Fitted numbers of software stacks as lines for their files.
#pragma once

#include <string>

#include "sim/published/stack_fit.hpp"

namespace towtank {

/// TOML: for each stack its numbers, with what they rest on as comments, to go into its file below
/// scenarios/stacks: the keys before the file's first table, the tables [gpu.PROFILE] anywhere
/// after. Of `command`, which made them, the comments tell.
std::string stack_fit_text(const FitOfStacks& fit, const std::string& command);

}  // namespace towtank
