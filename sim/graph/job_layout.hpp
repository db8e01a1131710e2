// A training job laid out on the ranks of a cluster.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/collective/tuner.hpp"
#include "sim/graph/fabric_wires.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/uneven_experts.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// Whether one rank stands for all that behave like it, or every rank is in the graph.
enum class Folding { kFolded, kUnfolded };

/// The model, the plan, the cluster and the profile are the caller's.
struct JobLayout {
  const Architecture& model;
  const TrainingPlan& plan;
  const Cluster& cluster;
  Mesh mesh;
  Schedule schedule;
  std::vector<Stage> stages;
  RankClasses classes;
  std::optional<UnevenExperts> experts;  // none: balanced, on even nodes
  /// The fabric, shared by the jobs on it; null where it is non-blocking.
  std::shared_ptr<FabricWires> fabric;
  int first_gpu = 0;              // of those the fabric knows, the job's rank 0
  std::vector<bool> can_be_full;  // (wires of the fabric); see full_wires.hpp
  std::shared_ptr<Tuner> tuner;   // of the job's collectives
};

/// The job without its fabric and the classes of its ranks. The profile outlives it.
JobLayout cut_up(const Architecture& model,
                 const TrainingPlan& plan,
                 const Cluster& cluster,
                 const Profile& profile);

/// The jobs of several plans, with the classes of their ranks, or with every rank in a class of its
/// own. Plans that differ only in their batch have the same classes, which are found once.
std::vector<JobLayout> lay_out(const Architecture& model,
                               std::span<const TrainingPlan> plans,
                               const Cluster& cluster,
                               const Profile& profile,
                               Folding folding);

/// A job among several on one cluster. The model, the plan and the cluster are the caller's.
struct Tenant {
  const Architecture* model = nullptr;
  const TrainingPlan* plan = nullptr;
  const Cluster* cluster = nullptr;  // the nodes of the job, with faults in its own numbering
};

/// Jobs that run at the same time. `together` has the nodes of all jobs, one job's after the
/// other's, with all faults, placed on their fabric, which must be there. The classes of a job's
/// ranks are its own; those of the fabric's wires are common, and hold for the traffic of all.
std::vector<JobLayout> lay_out_together(std::span<const Tenant> tenants,
                                        const Cluster& together,
                                        const Profile& profile,
                                        Folding folding);

/// The job of one plan.
JobLayout lay_out(const Architecture& model,
                  const TrainingPlan& plan,
                  const Cluster& cluster,
                  const Profile& profile,
                  Folding folding);

}  // namespace towtank
