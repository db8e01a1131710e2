// Whether measured times can be of a profile's GPU at all.
#pragma once

#include <vector>

#include "sim/profile/gpu.hpp"
#include "sim/profile/sample.hpp"

namespace towtank {

/// InputError when rows had more SMs than the GPU has: one mistake a table, at the first of them.
void check_sms(const std::vector<const SampleTable*>& tables, const Gpu& gpu);

}  // namespace towtank
