// What a table of runs says about the precision of linear layers.
#pragma once

#include <optional>
#include <string_view>

#include "sim/model/op.hpp"

namespace towtank {

/// BF16 and FP16 are one; FP8 and FP8-CS have a scale a tensor, MXFP8 and FP8-blockwise one a
/// block; NVFP4. Nothing for a blank cell; InputError for other words.
std::optional<Precision> precision_of(std::string_view word);

}  // namespace towtank
