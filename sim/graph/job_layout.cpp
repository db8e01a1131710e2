#include "sim/graph/job_layout.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/full_wires.hpp"
#include "sim/graph/port_speeds.hpp"
#include "sim/graph/ports.hpp"
#include "sim/graph/training_relations.hpp"

namespace towtank {
namespace {

/// What two jobs on one cluster share when their ranks are related alike.
struct Kinship {
  int pipeline = 1;
  int data = 1;
  int tensor = 1;
  int expert = 1;
  int expert_tensor = 1;
  int context = 1;
  int shard = 0;
  ScheduleKind schedule = ScheduleKind::k1F1B;
  int interleave = 1;
  int zero_stage = 1;
  std::int64_t tokens = 0;  // of the tensor ranks' collectives, whose algorithm depends on it
  std::array<bool, 3> by_unit = {};  // plan features that change the groups' collectives
  CollectivePlan collectives;
  std::vector<std::uint64_t> attributes;

  friend bool operator==(const Kinship&, const Kinship&) = default;
};

Kinship kinship(const JobLayout& job) {
  return {.pipeline = job.plan.pipeline,
          .data = job.plan.data,
          .tensor = job.plan.tensor,
          .expert = job.plan.expert,
          .expert_tensor = job.plan.expert_tensor,
          .context = job.plan.context,
          .shard = job.plan.shard,
          .schedule = job.plan.schedule,
          .interleave = job.plan.interleave,
          .zero_stage = job.plan.zero_stage,
          .tokens = job.plan.tensor * job.plan.expert_tensor > 1 ? job.plan.tokens_per_rank() : 0,
          .by_unit = {job.plan.overlap.gradients,
                      job.plan.overlap.parameters,
                      job.plan.sequence_parallel},
          .collectives = job.plan.collectives,
          .attributes = rank_attributes(job)};
}

/// All ports of the ranks, as OpGraph::wires has them.
std::vector<Bandwidth> ports_of(const JobLayout& job) {
  std::vector<Bandwidth> ports(static_cast<std::size_t>(job.mesh.ranks()) * kPortsOfRank);
  for (int rank = 0; rank < job.mesh.ranks(); ++rank) {
    for (const Medium medium : {Medium::kNvlink, Medium::kNic}) {
      for (const PortSide side : {PortSide::kOut, PortSide::kIn}) {
        ports[static_cast<std::size_t>(port(rank, medium, side))] =
            job.fabric->port(job.first_gpu + rank, medium);
      }
    }
  }
  return ports;
}

/// Leaves out of the relations the wires that cannot be full, and says which can.
std::vector<bool> keep_wires_that_fill(const FabricWires& fabric,
                                       const std::vector<Bandwidth>& ports,
                                       RankRelations& relations) {
  std::vector<Bandwidth> capacities;
  capacities.reserve(relations.wires.size());
  for (const FabricWire& wire : fabric.wires()) {
    capacities.push_back(wire.capacity);
  }
  std::vector<bool> fill = can_be_full(relations, ports, capacities, fabric.units());
  leave_out(fill, relations);
  return fill;
}

/// What `relate` finds when all shares are in units of one size. The fabric may be null.
template <typename Relate>
RankRelations in_one_unit(const FabricWires* fabric, Relate relate) {
  while (true) {
    const int units = fabric == nullptr ? 1 : fabric->units();
    RankRelations relations = relate();
    if (fabric == nullptr || fabric->units() == units) {
      return relations;
    }
  }
}

/// Finds the classes of a job's ranks and of the wires that can be full. Unfolded, every rank and
/// every wire is one of its own, whether it can be full or not.
void classify(Folding folding, JobLayout& job) {
  if (folding == Folding::kUnfolded && job.fabric == nullptr) {
    job.classes.ranks = unfolded(job.mesh.ranks());
    return;
  }
  RankRelations relations =
      in_one_unit(job.fabric.get(), [&job] { return training_relations(job); });
  if (folding == Folding::kUnfolded) {
    job.classes = {.ranks = unfolded(job.mesh.ranks()),
                   .wires = unfolded(static_cast<int>(relations.wires.size()))};
    job.can_be_full.assign(relations.wires.size(), true);
    return;
  }
  if (job.fabric != nullptr) {
    job.can_be_full = keep_wires_that_fill(*job.fabric, ports_of(job), relations);
  }
  job.classes = equitable_partition(relations);
}

std::shared_ptr<FabricWires> growing_wires(const Cluster& cluster) {
  auto wires = std::make_shared<FabricWires>(cluster);
  wires->let_units_grow();
  return wires;
}

/// Puts the relations of another job, on GPUs of its own, beside those of the jobs so far.
void append(RankRelations job, int number, RankRelations& all) {
  const auto first_rank = static_cast<int>(all.attributes.size());
  const auto first_sending = static_cast<int>(all.sendings.size());
  for (const std::uint64_t attribute : job.attributes) {
    // No rank of one job is like any of another.
    all.attributes.push_back(attribute + 0xd1342543de82ef95ULL * static_cast<unsigned>(number));
  }
  for (RankRelations::Membership& membership : job.memberships) {
    membership.group += all.groups;
    membership.rank += first_rank;
  }
  for (RankRelations::Sending& sending : job.sendings) {
    sending.from += first_rank;
    sending.to += first_rank;
    sending.group += sending.group < 0 ? 0 : all.groups;
  }
  for (RankRelations::Crossing& crossing : job.crossings) {
    crossing.sending += first_sending;
  }
  for (RankRelations::Passage& passage : job.passages) {
    passage.sending += first_sending;
    passage.rank += first_rank;
  }
  const auto move_to = [](const auto& from, auto& to) {
    to.insert(to.end(), from.begin(), from.end());
  };
  move_to(job.memberships, all.memberships);
  move_to(job.sendings, all.sendings);
  move_to(job.crossings, all.crossings);
  move_to(job.passages, all.passages);
  all.groups += job.groups;
  all.wires = std::move(job.wires);  // the fabric's so far, those of the jobs before among them
}

/// The part of a partition that is about `count` things from `first` on, numbered from 0.
Partition part_of(const Partition& all, int first, int count) {
  const auto begin = all.class_of.begin() + first;
  Partition part{.class_of = {begin, begin + count}, .representatives = {}, .members = {}};
  const int first_class = *std::ranges::min_element(part.class_of);
  const int classes = *std::ranges::max_element(part.class_of) - first_class + 1;
  for (int& of_class : part.class_of) {
    of_class -= first_class;
  }
  for (int i = first_class; i < first_class + classes; ++i) {
    const auto index = static_cast<std::size_t>(i);
    part.representatives.push_back(all.representatives[index] - first);
    part.members.push_back(all.members[index]);
  }
  return part;
}

/// The relations of jobs side by side.
RankRelations relations_together(const std::vector<JobLayout>& jobs) {
  RankRelations relations;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    append(training_relations(jobs[i]), static_cast<int>(i), relations);
  }
  return relations;
}

}  // namespace

JobLayout cut_up(const Architecture& model,
                 const TrainingPlan& plan,
                 const Cluster& cluster,
                 const Profile& profile) {
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
          .first_gpu = 0,
          .can_be_full = {},
          .tuner = std::make_shared<Tuner>(profile, port_speeds(cluster), plan.collectives)};
}

std::vector<JobLayout> lay_out_together(std::span<const Tenant> tenants,
                                        const Cluster& together,
                                        const Profile& profile,
                                        Folding folding) {
  const std::shared_ptr<FabricWires> fabric = growing_wires(together);
  std::vector<JobLayout> jobs;
  jobs.reserve(tenants.size());
  std::vector<Bandwidth> ports;
  int first_gpu = 0;
  for (const Tenant& tenant : tenants) {
    JobLayout& job =
        jobs.emplace_back(cut_up(*tenant.model, *tenant.plan, *tenant.cluster, profile));
    job.fabric = fabric;
    job.first_gpu = first_gpu;
    first_gpu += job.mesh.ranks();
    const std::vector<Bandwidth> own = ports_of(job);
    ports.insert(ports.end(), own.begin(), own.end());
  }
  check(first_gpu == together.gpus(), "the jobs together have the nodes of all");
  RankRelations relations = in_one_unit(fabric.get(), [&jobs] { return relations_together(jobs); });
  const bool folded = folding == Folding::kFolded;
  const std::vector<bool> fill = folded ? keep_wires_that_fill(*fabric, ports, relations)
                                        : std::vector<bool>(relations.wires.size(), true);
  const RankClasses classes =
      folded ? equitable_partition(relations)
             : RankClasses{.ranks = unfolded(together.gpus()),
                           .wires = unfolded(static_cast<int>(relations.wires.size()))};
  for (JobLayout& job : jobs) {
    job.classes = {.ranks = part_of(classes.ranks, job.first_gpu, job.mesh.ranks()),
                   .wires = classes.wires};
    job.can_be_full = fill;
  }
  return jobs;
}

std::vector<JobLayout> lay_out(const Architecture& model,
                               std::span<const TrainingPlan> plans,
                               const Cluster& cluster,
                               const Profile& profile,
                               Folding folding) {
  std::vector<JobLayout> jobs;
  jobs.reserve(plans.size());
  std::vector<Kinship> kinships;
  const std::shared_ptr<FabricWires> fabric = cluster.fabric ? growing_wires(cluster) : nullptr;
  for (const TrainingPlan& plan : plans) {
    JobLayout& job = jobs.emplace_back(cut_up(model, plan, cluster, profile));
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
                  const Profile& profile,
                  Folding folding) {
  return lay_out(model, std::span(&plan, 1), cluster, profile, folding).front();
}

}  // namespace towtank
