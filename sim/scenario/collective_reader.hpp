// The [plan.collectives] table of a scenario: what is forced of the gradients' and parameters'
// collectives.
//
//   [plan.collectives]
//   reduce_scatter = "ring"      # an algorithm; without it, chosen as NCCL does
//   all_gather = "hierarchical"
//   all_reduce = "double-tree"   # where zero = 0
//   protocol = "simple"          # ll, ll128, simple
//   in_switch = false            # NVSwitches do not add
#pragma once

#include "sim/collective/collective_plan.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// What a plan shards over its data ranks, and whether these are groups that share with each other
/// by all-reduces (HSDP).
struct Sharding {
  int zero_stage = 0;
  bool in_groups = false;
};

/// Reads `collectives` of a plan. An algorithm that does no such collective, or a collective that a
/// plan sharded like this has none of, is a mistake.
CollectivePlan read_collectives(TomlTable& plan, const Sharding& sharding);

}  // namespace towtank
