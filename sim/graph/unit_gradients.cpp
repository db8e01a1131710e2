#include "sim/graph/unit_gradients.hpp"

namespace towtank {

void UnitGradients::start(int sim, const Program& program) {
  sim_ = sim;
  last_micro_batch_.clear();
  for (const Slot& slot : program) {
    for (const Chunk* chunk : {&slot.chunk, slot.overlapped ? &*slot.overlapped : nullptr}) {
      if (chunk != nullptr && (chunk->pass == Pass::kBackward || chunk->pass == Pass::kWeight)) {
        last_micro_batch_[chunk->stage] = chunk->micro_batch;
      }
    }
  }
}

void UnitGradients::complete(const Chunk& chunk, int slot, int unit) {
  const bool last = last_micro_batch_[chunk.stage] == chunk.micro_batch;
  if (!reduces_by_unit(job_.plan) || !(last || reduces_every_time(job_.plan))) {
    return;
  }
  const StageParameters parameters =
      parameters_of_units(job_, chunk.stage)[static_cast<std::size_t>(unit)];
  const std::vector<int> hosts = hosts_of_stage(job_.schedule, chunk.stage);
  Chain chain{.sim = sim_, .slot = slot, .last = writer_.last_kernel(sim_), .waits = {}};
  for (const GroupKind kind : {GroupKind::kExpertReplicas, GroupKind::kDenseReplicas}) {
    for (const ReplicaGroup& group : replica_groups(job_.plan,
                                                    job_.mesh,
                                                    hosts,
                                                    writer_.rank(sim_),
                                                    parameters,
                                                    kind,
                                                    job_.tuner->has_costs())) {
      for (const ReplicaCollective& what : group.collectives.of_gradients) {
        writer_.collective(chain, StreamKind::kData, kind, group.ranks, what);
      }
    }
  }
  ready_[{sim_, chunk.stage}] = {.ready = *chain.last, .reduced = true};
}

void UnitGradients::finish(const Chunk& chunk) {
  if (!reduces_by_unit(job_.plan)) {
    ready_[{sim_, chunk.stage}] = {.ready = writer_.last_kernel(sim_), .reduced = false};
  }
}

}  // namespace towtank
