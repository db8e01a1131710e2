// Ops as people ask for them on a command line.
#pragma once

#include <string_view>
#include <vector>

#include "sim/model/op.hpp"

namespace towtank {

/// The kinds that a word means, in the catalogue's order: a kind's or family's name ("all-reduce",
/// "decode-attention"), a kind of table ("generation_mla_perf"), or an everyday word ("attention",
/// "mla", "moe", "nccl", "deepep"). Underscores and capital letters do not matter. InputError with
/// suggestions for any other word.
std::vector<OpKind> kinds_named(std::string_view word);

}  // namespace towtank
