#include "sim/graph/training_step.hpp"

#include "sim/base/error.hpp"
#include "sim/graph/chunk_writer.hpp"
#include "sim/graph/graph_writer.hpp"
#include "sim/graph/optimizer_writer.hpp"
#include "sim/graph/rank_classes.hpp"

namespace towtank {
namespace {

JobLayout lay_out(const Architecture& model,
                  const TrainingPlan& plan,
                  const Cluster& cluster,
                  Folding folding) {
  const Mesh mesh(plan, cluster.gpus_per_node);
  const Schedule schedule = make_schedule(plan.schedule,
                                          {.ranks = plan.pipeline,
                                           .micro_batches = plan.micro_batches(),
                                           .interleave = plan.interleave});
  return {.model = model,
          .plan = plan,
          .mesh = mesh,
          .schedule = schedule,
          .stages = make_stages(model, plan, schedule.stages),
          .classes = folding == Folding::kFolded
                         ? equitable_partition(training_relations(mesh, schedule))
                         : unfolded(mesh.ranks())};
}

}  // namespace

OpGraph lower_training_step(const Architecture& model,
                            const TrainingPlan& plan,
                            const Cluster& cluster,
                            Folding folding) {
  check(plan.ranks() == cluster.nodes * cluster.gpus_per_node, "the plan fills the cluster");
  const JobLayout job = lay_out(model, plan, cluster, folding);
  OpGraph graph;
  graph.folded = folding == Folding::kFolded;
  GraphWriter writer(job, graph);
  write_optimizer(writer, write_chunks(writer));
  return graph;
}

}  // namespace towtank
