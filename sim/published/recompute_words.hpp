// What a table of runs says about recomputation.
#pragma once

#include <optional>
#include <string_view>

#include "sim/model/architecture.hpp"
#include "sim/model/recipe.hpp"

namespace towtank {

/// "none", "full", "selective", "selective (layernorm, moe)"; nothing for a blank cell. What
/// "selective" alone means is the stack's. Parts of a layer that the model does not have are left
/// out. InputError for other words.
std::optional<Recompute> recompute_of(std::string_view words,
                                      const Recompute& selective,
                                      const Architecture& model);

/// The parts of `recompute` that a model has.
Recompute possible_recompute(Recompute recompute, const Architecture& model);

}  // namespace towtank
