// Which sizes of an op a fit treats one by one, and which only together.
#pragma once

#include <vector>

#include "sim/model/op.hpp"
#include "sim/profile/axis.hpp"

namespace towtank {

/// The directions of a fit of this kind, each with its axes. A size along which times change
/// smoothly is a direction of its own; sizes that come in the combinations of known models (heads
/// and key-value heads, the shape of an expert layer) share one.
const std::vector<std::vector<Axis>>& directions_of(OpKind kind);

}  // namespace towtank
