#include "sim/graph/job_layout.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "sim/graph/full_wires.hpp"
#include "sim/graph/training_relations.hpp"

namespace towtank {
namespace {

JobLayout without_classes(const Architecture& model,
                          const TrainingPlan& plan,
                          const Cluster& cluster) {
  const Schedule schedule = make_schedule(plan.schedule,
                                          {.ranks = plan.pipeline,
                                           .micro_batches = plan.micro_batches(),
                                           .interleave = plan.interleave});
  const Mesh mesh(plan, cluster.gpus_per_node);
  return {.model = model,
          .plan = plan,
          .cluster = cluster,
          .mesh = mesh,
          .schedule = schedule,
          .stages = make_stages(model, plan, schedule.stages),
          .classes = {},
          .experts = uneven_experts(model, plan, mesh),
          .fabric = nullptr,
          .can_be_full = {}};
}

const UnevenExperts* experts_of(const JobLayout& job) {
  return job.experts ? &*job.experts : nullptr;
}

/// What two jobs on one cluster share when their ranks are related alike.
struct Kinship {
  int pipeline = 1;
  int data = 1;
  int expert = 1;
  int context = 1;
  ScheduleKind schedule = ScheduleKind::k1F1B;
  int interleave = 1;
  std::vector<std::uint64_t> attributes;

  friend bool operator==(const Kinship&, const Kinship&) = default;
};

Kinship kinship(const JobLayout& job) {
  return {.pipeline = job.plan.pipeline,
          .data = job.plan.data,
          .expert = job.plan.expert,
          .context = job.plan.context,
          .schedule = job.plan.schedule,
          .interleave = job.plan.interleave,
          .attributes = rank_attributes(job.mesh, job.schedule, job.cluster, experts_of(job))};
}

/// Each rank's network port, in one direction.
std::vector<Bandwidth> network_ports(const Cluster& cluster, const FabricWires& fabric) {
  std::vector<Bandwidth> ports(static_cast<std::size_t>(cluster.gpus()), cluster.nic.bandwidth);
  for (const GpuFault& fault : cluster.faults) {
    ports[static_cast<std::size_t>(fault.gpu)] *= fault.nic;
  }
  for (Bandwidth& port : ports) {
    port = std::min(port, fabric.card_limit());
  }
  return ports;
}

/// Finds the classes of a job's ranks and of the wires that can be full. Unfolded, every rank and
/// every wire is one of its own, whether it can be full or not.
void classify(Folding folding, JobLayout& job) {
  if (folding == Folding::kUnfolded && job.fabric == nullptr) {
    job.classes.ranks = unfolded(job.mesh.ranks());
    return;
  }
  RankRelations relations =
      training_relations(job.mesh, job.schedule, job.cluster, experts_of(job), job.fabric.get());
  if (folding == Folding::kUnfolded) {
    job.classes = {.ranks = unfolded(job.mesh.ranks()),
                   .wires = unfolded(static_cast<int>(relations.wires.size()))};
    job.can_be_full.assign(relations.wires.size(), true);
    return;
  }
  if (job.fabric != nullptr) {
    std::vector<Bandwidth> capacities;
    capacities.reserve(relations.wires.size());
    for (const FabricWire& wire : job.fabric->wires()) {
      capacities.push_back(wire.capacity);
    }
    job.can_be_full = can_be_full(
        relations, network_ports(job.cluster, *job.fabric), capacities, job.fabric->units());
    leave_out(job.can_be_full, relations);
  }
  job.classes = equitable_partition(relations);
}

}  // namespace

std::vector<JobLayout> lay_out(const Architecture& model,
                               std::span<const TrainingPlan> plans,
                               const Cluster& cluster,
                               Folding folding) {
  std::vector<JobLayout> jobs;
  jobs.reserve(plans.size());
  std::vector<Kinship> kinships;
  const std::shared_ptr<FabricWires> fabric =
      cluster.fabric ? std::make_shared<FabricWires>(cluster) : nullptr;
  for (const TrainingPlan& plan : plans) {
    JobLayout& job = jobs.emplace_back(without_classes(model, plan, cluster));
    job.fabric = fabric;
    kinships.push_back(kinship(job));
    const auto kin = std::ranges::find(kinships, kinships.back());
    if (kin + 1 == kinships.end()) {
      classify(folding, job);
      continue;
    }
    const JobLayout& like = jobs[static_cast<std::size_t>(kin - kinships.begin())];
    job.classes = like.classes;
    job.can_be_full = like.can_be_full;
  }
  return jobs;
}

JobLayout lay_out(const Architecture& model,
                  const TrainingPlan& plan,
                  const Cluster& cluster,
                  Folding folding) {
  return lay_out(model, std::span(&plan, 1), cluster, folding).front();
}

}  // namespace towtank
