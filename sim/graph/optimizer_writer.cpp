#include "sim/graph/optimizer_writer.hpp"

#include <algorithm>
#include <cstddef>

#include "sim/graph/replica_collectives.hpp"
#include "sim/plan/parameter_shards.hpp"

namespace towtank {
namespace {

/// Parameters on one rank that the same ranks hold: a stage's dense ones, or its experts there.
struct Replica {
  GroupKind kind = GroupKind::kDenseReplicas;
  double parameters = 0.0;
  double in_fp8 = 0.0;  // of them, in an FP8 recipe
  std::vector<int> group;
};

/// One stage on one rank.
struct StageReplicas {
  Vertex ready = 0;  // when its gradients are complete
  Replica experts;
  Replica dense;
};

/// The stages of a simulated rank in the order in which their gradients become ready.
std::vector<StageReplicas> replicas(const GraphWriter& writer,
                                    const GradientsReady& ready,
                                    int sim) {
  const JobLayout& job = writer.job();
  std::vector<StageReplicas> result;
  for (const auto& [key, vertex] : ready) {
    const auto [owner, stage] = key;
    if (owner != sim) {
      continue;
    }
    const StageParameters parameters =
        stage_parameters(job.model, job.plan, job.stages[static_cast<std::size_t>(stage)]);
    const std::vector<int> hosts = hosts_of_stage(job.schedule, stage);
    result.push_back({.ready = vertex,
                      .experts = {.kind = GroupKind::kExpertReplicas,
                                  .parameters = parameters.experts,
                                  .in_fp8 = parameters.experts,
                                  .group = job.mesh.expert_replicas(hosts, writer.rank(sim))},
                      .dense = {.kind = GroupKind::kDenseReplicas,
                                .parameters = parameters.dense,
                                .in_fp8 = parameters.dense - parameters.high_precision,
                                .group = job.mesh.dense_replicas(hosts)}});
  }
  std::ranges::sort(result, {}, &StageReplicas::ready);
  return result;
}

class OptimizerWriter {
 public:
  OptimizerWriter(GraphWriter& writer, const JobLayout& job)
      : writer_(writer), job_(job), sharded_(job.plan.zero_stage > 0) {}

  void reduce(Chain& chain, const Replica& replica) {
    for (const ReplicaCollective& collective : collectives(replica).of_gradients) {
      writer_.collective(chain, replica.kind, replica.group, collective);
    }
  }

  void update(Chain& chain, const std::vector<StageReplicas>& stages) {
    double parameters = 0.0;
    for (const StageReplicas& stage : stages) {
      for (const Replica* replica : {&stage.experts, &stage.dense}) {
        const double owners = sharded_ ? static_cast<double>(replica->group.size()) : 1.0;
        parameters += replica->parameters / owners;
      }
    }
    const Op adamw{.kind = OpKind::kAdamW,
                   .precision = Precision::kFp32,
                   .shape = SweepShape{static_cast<std::int64_t>(parameters), 1}};
    writer_.compute(
        chain, writer_.add_segment({.name = "optimizer", .ops = {adamw}, .shares_gpu = false}));
  }

  void gather(Chain& chain, const std::vector<StageReplicas>& stages) {
    for (const StageReplicas& stage : stages) {
      for (const Replica* replica : {&stage.experts, &stage.dense}) {
        for (const ReplicaCollective& collective : collectives(*replica).of_parameters) {
          writer_.collective(chain, replica->kind, replica->group, collective);
        }
      }
    }
  }

  /// FP8 recipes keep the linear layers' parameters quantised for the next step's GEMMs.
  void quantize(Chain& chain, const std::vector<StageReplicas>& stages) {
    if (job_.plan.recipe.gemm != Precision::kFp8Block) {
      return;
    }
    double parameters = 0.0;
    for (const StageReplicas& stage : stages) {
      parameters += stage.experts.in_fp8 + stage.dense.in_fp8;
    }
    const auto rows = static_cast<std::int64_t>(parameters) / job_.model.hidden;
    const Op cast{.kind = OpKind::kQuantize,
                  .precision = Precision::kFp8Block,
                  .shape = SweepShape{rows, job_.model.hidden}};
    writer_.compute(chain,
                    writer_.add_segment(
                        {.name = "parameter quantisation", .ops = {cast}, .shares_gpu = false}));
  }

 private:
  ReplicaCollectives collectives(const Replica& replica) const {
    return replica_collectives(job_.plan, replica.parameters, job_.tuner->has_costs());
  }

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
      optimizer.reduce(chain, stage.experts);
      optimizer.reduce(chain, stage.dense);
      reduced.push_back(*chain.last);
    }
  }
  const Vertex norm = writer.meeting_point("gradient norm", slot_of_rank.front(), reduced);
  for (int sim = 0; sim < writer.simulated_ranks(); ++sim) {
    const auto index = static_cast<std::size_t>(sim);
    Chain chain{.sim = sim, .slot = slot_of_rank[index], .last = norm, .waits = {}};
    optimizer.update(chain, of_rank[index]);
    optimizer.gather(chain, of_rank[index]);
    optimizer.quantize(chain, of_rank[index]);
  }
}

}  // namespace towtank
