#include "sim/graph/optimizer_writer.hpp"

#include <algorithm>
#include <cstddef>

#include "sim/graph/parameter_buckets.hpp"
#include "sim/graph/replica_collectives.hpp"
#include "sim/plan/parameter_shards.hpp"

namespace towtank {
namespace {

/// One stage on one rank.
struct StageReplicas {
  Vertex ready = 0;      // when its gradients are complete
  bool reduced = false;  // they are reduced by then
  StageParameters parameters;
  std::vector<ReplicaGroup> groups;  // first of the experts, then of all other parameters
};

/// The stages of a simulated rank in the order in which their gradients become ready.
std::vector<StageReplicas> replicas(const GraphWriter& writer,
                                    const GradientsReady& ready,
                                    int sim) {
  const JobLayout& job = writer.job();
  std::vector<StageReplicas> result;
  for (const auto& [key, gradients] : ready) {
    const auto [owner, stage] = key;
    if (owner != sim) {
      continue;
    }
    StageReplicas& own = result.emplace_back();
    own.ready = gradients.ready;
    own.reduced = gradients.reduced;
    own.parameters =
        stage_parameters(job.model, job.plan, job.stages[static_cast<std::size_t>(stage)]);
    const std::vector<int> hosts = hosts_of_stage(job.schedule, stage);
    for (const GroupKind kind : {GroupKind::kExpertReplicas, GroupKind::kDenseReplicas}) {
      for (ReplicaGroup& group : replica_groups(job.plan,
                                                job.mesh,
                                                hosts,
                                                writer.rank(sim),
                                                own.parameters,
                                                kind,
                                                job.tuner->has_costs())) {
        own.groups.push_back(std::move(group));
      }
    }
  }
  std::ranges::sort(result, {}, &StageReplicas::ready);
  return result;
}

/// Ranks that share the optimizer states of a kind of parameters: the first group's.
double owners(const StageReplicas& stage, GroupKind kind) {
  const auto group = std::ranges::find(stage.groups, kind, &ReplicaGroup::kind);
  return static_cast<double>(group->ranks.size());
}

class OptimizerWriter {
 public:
  OptimizerWriter(GraphWriter& writer, const JobLayout& job)
      : writer_(writer), job_(job), sharded_(job.plan.zero_stage > 0) {}

  void reduce(Chain& chain, const StageReplicas& stage) {
    for (const ReplicaGroup& group : stage.groups) {
      for (const ReplicaCollective& collective : group.collectives.of_gradients) {
        writer_.collective(chain, StreamKind::kData, group.kind, group.ranks, collective);
      }
    }
  }

  void update(Chain& chain, const std::vector<StageReplicas>& stages) {
    double parameters = 0.0;
    for (const StageReplicas& stage : stages) {
      const StageParameters& own = stage.parameters;
      parameters += own.experts / (sharded_ ? owners(stage, GroupKind::kExpertReplicas) : 1.0) +
                    own.dense / (sharded_ ? owners(stage, GroupKind::kDenseReplicas) : 1.0);
    }
    const Op adamw{.kind = OpKind::kAdamW,
                   .precision = job_.plan.recipe.moments,
                   .shape = SweepShape{static_cast<std::int64_t>(parameters), 1}};
    writer_.compute(
        chain, writer_.add_segment({.name = "optimizer", .ops = {adamw}, .shares_gpu = false}));
  }

  void gather(Chain& chain, const std::vector<StageReplicas>& stages) {
    for (const StageReplicas& stage : stages) {
      for (const ReplicaGroup& group : stage.groups) {
        for (const ReplicaCollective& collective : group.collectives.of_parameters) {
          writer_.collective(chain, StreamKind::kData, group.kind, group.ranks, collective);
        }
      }
    }
  }

  /// What a step costs outside its kernels.
  void pause(Chain& chain) {
    if (job_.plan.stack.step_overhead > Seconds()) {
      const Segment pause{
          .name = "step overhead", .ops = {}, .fixed = job_.plan.stack.step_overhead};
      writer_.compute(chain, writer_.add_segment(pause));
    }
  }

  /// Quantised recipes keep the linear layers' parameters quantised for the next step's GEMMs;
  /// where GEMMs want both operands along the reduction, their transposes as well.
  void quantize(Chain& chain, const std::vector<StageReplicas>& stages) {
    const Precision precision = job_.plan.recipe.gemm;
    if (precision == Precision::kBf16) {
      return;
    }
    double parameters = 0.0;
    for (const StageReplicas& stage : stages) {
      const StageParameters& own = stage.parameters;
      parameters += own.experts + own.dense - own.high_precision;
    }
    const auto rows = static_cast<std::int64_t>(parameters) / job_.model.hidden;
    const Op cast{
        .kind = precision == Precision::kFp8Block ? OpKind::kQuantize : OpKind::kTransposeQuantize,
        .precision = precision,
        .shape = SweepShape{rows, job_.model.hidden}};
    writer_.compute(chain,
                    writer_.add_segment(
                        {.name = "parameter quantisation", .ops = {cast}, .shares_gpu = false}));
  }

 private:
  GraphWriter& writer_;
  const JobLayout& job_;
  bool sharded_;
};

}  // namespace

void write_optimizer(GraphWriter& writer, const GradientsReady& ready) {
  OptimizerWriter optimizer(writer, writer.job());
  std::vector<std::vector<StageReplicas>> of_rank;
  std::vector<int> slot_of_rank;
  std::vector<Vertex> reduced;
  for (int sim = 0; sim < writer.simulated_ranks(); ++sim) {
    of_rank.push_back(replicas(writer, ready, sim));
    slot_of_rank.push_back(writer.add_slot({.rank = sim, .phase = Phase::kOptimizer}));
    for (const StageReplicas& stage : of_rank.back()) {
      Chain chain{.sim = sim, .slot = slot_of_rank.back(), .last = stage.ready, .waits = {}};
      if (!stage.reduced) {
        optimizer.reduce(chain, stage);
      }
      reduced.push_back(*chain.last);
    }
  }
  const Vertex norm = writer.meeting_point("gradient norm", slot_of_rank.front(), reduced);
  for (int sim = 0; sim < writer.simulated_ranks(); ++sim) {
    const auto index = static_cast<std::size_t>(sim);
    Chain chain{.sim = sim, .slot = slot_of_rank[index], .last = norm, .waits = {}};
    optimizer.update(chain, of_rank[index]);
    if (!gathers_by_unit(writer.job().plan)) {
      optimizer.gather(chain, of_rank[index]);
    }
    optimizer.quantize(chain, of_rank[index]);
    optimizer.pause(chain);
  }
}

}  // namespace towtank
