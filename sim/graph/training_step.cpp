#include "sim/graph/training_step.hpp"

#include "sim/base/error.hpp"
#include "sim/graph/chunk_writer.hpp"
#include "sim/graph/graph_writer.hpp"
#include "sim/graph/optimizer_writer.hpp"

namespace towtank {

OpGraph lower_training_step(const JobLayout& job) {
  check(job.plan.ranks() == job.cluster.gpus(), "the plan fills the cluster");
  OpGraph graph;
  GraphWriter writer(job, graph);
  write_optimizer(writer, write_chunks(writer));
  job.tuner->check_forced();
  return graph;
}

OpGraph lower_training_step(const Architecture& model,
                            const TrainingPlan& plan,
                            const Cluster& cluster,
                            const Profile& profile,
                            Folding folding) {
  return lower_training_step(lay_out(model, plan, cluster, profile, folding));
}

}  // namespace towtank
