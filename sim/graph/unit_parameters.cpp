#include "sim/graph/unit_parameters.hpp"

#include <cstddef>
#include <utility>

namespace towtank {

void UnitParameters::start(int /*sim*/) {
  ahead_.clear();
  of_stage_.clear();
  used_.clear();
}

std::vector<Vertex> UnitParameters::need(const Use& use, std::span<const Unit> units) {
  if (!gathers_by_unit(job_.plan)) {
    return {};
  }
  if (gathers_every_time(job_.plan)) {
    std::vector<Vertex> own =
        use.first_of_chunk ? gather(use, units.front(), use.before) : std::move(ahead_);
    ahead_ = units.size() > 1 ? gather(use, units[1], use.before) : std::vector<Vertex>();
    return own;
  }
  if (!use.forward) {
    return {};
  }
  if (const auto [entry, is_new] = of_stage_.try_emplace(use.stage); is_new) {
    for (const Unit& unit : units) {
      entry->second.push_back(gather(use, unit, std::nullopt));
    }
  }
  const std::vector<std::vector<Vertex>>& stage = of_stage_[use.stage];
  const std::size_t unit = used_[use.stage]++;
  return unit < stage.size() ? stage[unit] : std::vector<Vertex>();
}

/// The last phase of each collective; one after the other.
std::vector<Vertex> UnitParameters::gather(const Use& use,
                                           const Unit& unit,
                                           std::optional<Vertex> after) {
  const StageParameters parameters = unit_parameters(job_, unit);
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
