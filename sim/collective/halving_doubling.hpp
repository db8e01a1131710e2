// Recursive halving and doubling: pairs at growing or shrinking distance, log2(n) steps.
#pragma once

#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"

namespace towtank {

/// A phase a step. Pairs are one apart at first when gathering, and twice as far each step, so that
/// most bytes move between neighbours; scattering goes the same way back (Thakur, Rabenseifner and
/// Gropp, 2005). Members beyond the largest power of two hand their block to a partner first, and
/// are handed the result last. For all-reduce, all-gather and reduce-scatter.
Movement halving_doubling(const CollectiveCall& call);

}  // namespace towtank
