// towtank validate fit: the numbers of software stacks from measured training runs.
#pragma once

#include <CLI/App.hpp>

namespace towtank {

void add_validate_fit(CLI::App& validate);

}  // namespace towtank
