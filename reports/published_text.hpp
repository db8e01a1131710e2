// Projections of published runs to read: a table, what was not projected and why, and how well it
// went.
#pragma once

#include <string>
#include <vector>

#include "reports/text_layout.hpp"
#include "sim/published/run_case.hpp"
#include "sim/published/score.hpp"

namespace towtank {

std::string published_text(const std::vector<RunCase>& cases, const Score& score, Colour colour);

}  // namespace towtank
