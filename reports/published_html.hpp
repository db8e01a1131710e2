// Projections of published runs as one page that needs no network: measured against projected as a
// picture, and the table.
#pragma once

#include <string>
#include <vector>

#include "sim/published/run_case.hpp"
#include "sim/published/score.hpp"

namespace towtank {

/// Points of the picture have a colour a GPU and say who they are under the pointer.
std::string published_html(const std::vector<RunCase>& cases, const Score& score);

}  // namespace towtank
