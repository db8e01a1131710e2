// What a plan says about the collectives of its replicas.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sim/base/error.hpp"
#include "sim/collective/algorithms.hpp"
#include "sim/profile/network_costs.hpp"

namespace towtank {

/// What is forced, as NCCL_ALGO, NCCL_PROTO and NCCL_NVLS_ENABLE do; the rest is chosen as NCCL
/// does.
struct CollectivePlan {
  std::optional<Algorithm> all_reduce = {};
  std::optional<Algorithm> all_gather = {};
  std::optional<Algorithm> reduce_scatter = {};
  std::optional<Protocol> protocol = {};     // of all of them
  bool in_switch = true;                     // false: NVSwitches do not add
  std::map<std::string, Place> places = {};  // where it says so, by the name of the key

  friend bool operator==(const CollectivePlan&, const CollectivePlan&) = default;
};

/// The algorithm forced for a kind of collective; nothing for kinds that a plan says nothing about.
std::optional<Algorithm> forced(const CollectivePlan& plan, Collective kind);

/// "all_reduce": the key of [plan.collectives] that forces it.
std::string collective_key(Collective kind);

/// Whether anything is forced.
bool forces(const CollectivePlan& plan);

/// InputError at `key` of [plan.collectives].
[[noreturn]] void refuse_collective(const CollectivePlan& plan,
                                    const std::string& key,
                                    const std::string& reason);

}  // namespace towtank
