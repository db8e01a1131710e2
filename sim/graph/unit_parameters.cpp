#include "sim/graph/unit_parameters.hpp"

#include <cstddef>
#include <utility>

namespace towtank {

void UnitParameters::start(int /*sim*/) {
  ahead_.clear();
  of_stage_.clear();
  used_.clear();
  parameters_.clear();
}

std::vector<Vertex> UnitParameters::need(const Use& use) {
  if (!gathers_by_unit(job_.plan)) {
    return {};
  }
  const auto units =
      static_cast<int>(job_.stages[static_cast<std::size_t>(use.stage)].units.size());
  if (gathers_every_time(job_.plan)) {
    const bool first = use.unit == (use.forward ? 0 : units - 1);
    const int next = use.unit + (use.forward ? 1 : -1);
    std::vector<Vertex>& ahead = ahead_[use.forward];
    std::vector<Vertex> own = first ? gather(use, use.unit, use.before) : std::move(ahead);
    ahead = next >= 0 && next < units ? gather(use, next, use.before) : std::vector<Vertex>();
    return own;
  }
  if (!use.forward) {
    return {};
  }
  if (const auto [entry, is_new] = of_stage_.try_emplace(use.stage); is_new) {
    for (int unit = 0; unit < units; ++unit) {
      entry->second.push_back(gather(use, unit, std::nullopt));
    }
  }
  const std::vector<std::vector<Vertex>>& stage = of_stage_[use.stage];
  const std::size_t unit = used_[use.stage]++;
  return unit < stage.size() ? stage[unit] : std::vector<Vertex>();
}

/// The last phase of each collective; one after the other.
std::vector<Vertex> UnitParameters::gather(const Use& use, int unit, std::optional<Vertex> after) {
  std::vector<StageParameters>& of_units = parameters_[use.stage];
  if (of_units.empty()) {
    of_units = parameters_of_units(job_, use.stage);
  }
  const StageParameters& parameters = of_units[static_cast<std::size_t>(unit)];
  const std::vector<int> hosts = hosts_of_stage(job_.schedule, use.stage);
  Chain chain{.sim = use.sim, .slot = use.slot, .last = after, .waits = {}};
  bool moves = false;
  for (const GroupKind kind : {GroupKind::kDenseReplicas, GroupKind::kExpertReplicas}) {
    for (const ReplicaGroup& group : replica_groups(job_.plan,
                                                    job_.mesh,
                                                    hosts,
                                                    writer_.rank(use.sim),
                                                    parameters,
                                                    kind,
                                                    job_.tuner->has_costs())) {
      for (const ReplicaCollective& what : group.collectives.of_parameters) {
        writer_.collective(chain, StreamKind::kParameters, kind, group.ranks, what);
        moves = true;
      }
    }
  }
  return moves && chain.last ? std::vector<Vertex>{*chain.last} : std::vector<Vertex>();
}

}  // namespace towtank
