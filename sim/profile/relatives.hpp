// Kernel times from kernels of another kind: what a GPU was never measured at is told by the
// nearest thing that it was.
#pragma once

#include <functional>
#include <optional>

#include "sim/profile/profile.hpp"

namespace towtank {

/// What measurements of an op's own kind say; nothing where there are none.
using OfOwnKind = std::function<std::optional<Estimate>(const Op&)>;

/// Rule 5 of estimate(): the surest of what these say of `op`, or nothing.
///  - A weight gradient: the GEMM of its sizes (of several groups: of each), and its accumulator
///    read and written beside it.
///  - A grouped GEMM: the GEMM of one group's rows, once for each group.
///  - A batched GEMM: one GEMM of all rows, by what more its weights are to read.
///  - Attention backward: its forward pass, at the share of its rate that backward passes reach.
///  - FP8 with one scale a tensor and with scales of blocks: each other.
///  - A sweep: another sweep that reads and writes in the same way; the same kind in another
///    precision; a plain copy, at the share of a copy's bandwidth that such sweeps reach. Another
///    GPU's copy only where no sweep was measured on this one.
/// The errors hold how unlike the kernels are. Always `beyond`.
std::optional<Estimate> from_relatives(const Profile& profile,
                                       const Op& op,
                                       int sms,
                                       const OfOwnKind& of_own_kind);

}  // namespace towtank
