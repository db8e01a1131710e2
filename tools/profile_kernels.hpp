// How the profile commands name kernels and sizes.
#pragma once

#include <string>
#include <vector>

#include "sim/model/op.hpp"
#include "sim/profile/axis.hpp"
#include "sim/profile/fit/kernel_fit.hpp"

namespace towtank {

/// The precision, and what else tells kernels of one kind apart without being a size: "bf16",
/// "bf16, fp8 cache, window 128", "bf16, MLA", "fp8, ungated".
std::string variant_text(const Op& op);

/// The same of what a fit speaks for: "any" where the precision is a size to it, as it is to
/// collectives.
std::string variant_text(const KernelKey& key);

/// Where an op lies, and where a fit is known: a coordinate for each axis.
std::vector<double> place_of(const Op& op, int sms, const std::vector<Axis>& axes);

/// The least and the greatest coordinate that the fit learnt from. (the fit's axes)
std::vector<double> least_place(const KernelFit& fit);
std::vector<double> greatest_place(const KernelFit& fit);

/// An op of these kernels at a place of the fit's axes: place_of() undone. Where the axes leave
/// something open it is what the kernels are made for: causal attention, MLA's dimensions, experts
/// in one part, one head of keys and values a sequence.
Op op_at(const KernelFit& fit, const std::vector<double>& at);

/// SMs of a kept row.
int sms_at(const KernelFit& fit, const std::vector<double>& at, int gpu_sms);

}  // namespace towtank
