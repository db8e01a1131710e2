// The [experts] table of a scenario: how tokens fall on experts, and how experts are laid out.
//
//   [experts]
//   load = "uniform"                          # or {zipf = 0.8, seed = 1}
//                                             # or {histogram = "counts.csv", layer = 3}
//   placement = "balanced"                    # static, balanced, hierarchical, global
//   redundant = 32                            # slots beyond one an expert, over the whole group
#pragma once

#include <filesystem>
#include <string>

#include "sim/model/architecture.hpp"
#include "sim/plan/expert_group.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads `experts` of `root`, whose node is `document`; without one, or without a key of it, what
/// an ExpertPlan says by default. A histogram file is sought from the directory of the file that
/// names it, or from `scenario_directory` when the command line does; it is read when the number of
/// experts is known. EnvironmentError when it is there but cannot be read.
ExpertPlan read_expert_plan(TomlTable& root,
                            const TomlNode& document,
                            const ExpertLayer& layer,
                            const std::filesystem::path& scenario_directory,
                            Mistakes& mistakes);

/// Records why the plan cannot be (expert_problem()) at the key to change. Model, plan and group
/// must have been found right. A plan that is_balanced_routing() needs no check.
void check_expert_plan(const ExpertPlan& plan,
                       const ExpertLayer& layer,
                       const GroupShape& shape,
                       const TomlNode& document,
                       Mistakes& mistakes);

/// "uniform", "Zipf 0.8, seed 1", "counted in counts.csv, layer 3".
std::string load_text(const ExpertLoad& load);

}  // namespace towtank
