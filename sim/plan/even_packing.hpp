// Weights into bins that hold equally many, so that the heaviest bin is as light as can be found.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace towtank {

/// The bin of each item. Items of one `kind` avoid each other's bins where they can. Longest
/// processing time first (Graham, SIAM Journal on Applied Mathematics 17, 1969) into the lightest
/// bin that has room, then exchanges of two items that lighten the heavier of their bins until
/// none is left. The items must fill the bins exactly (BrokenClaim otherwise). Deterministic: ties
/// go to the first.
std::vector<std::size_t> pack_evenly(std::span<const double> weights,
                                     std::span<const std::size_t> kinds,
                                     std::size_t bins);

/// The exchanges alone, from any packing of equally many items a bin: the heaviest bin of the
/// result is not heavier than the heaviest one before.
std::vector<std::size_t> exchanged(std::vector<std::size_t> bin_of,
                                   std::span<const double> weights,
                                   std::span<const std::size_t> kinds,
                                   std::size_t bins);

}  // namespace towtank
