#include "tools/neighbour_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/cluster/placement.hpp"
#include "sim/graph/joined_graph.hpp"
#include "sim/graph/training_step.hpp"
#include "tools/commands.hpp"
#include "tools/simulated_steps.hpp"
#include "tools/unfolded_size.hpp"

namespace towtank {
namespace {

/// The jobs, the scenario's own first, laid out together; what they refer to is here.
class JobsTogether {
 public:
  JobsTogether(const Scenario& scenario, const Profile& profile, Folding folding) {
    std::vector<int> nodes = scenario.nodes;
    std::vector<Tenant> tenants = {
        {.model = &scenario.model, .plan = &scenario.plan, .cluster = &scenario.cluster}};
    clusters_.reserve(scenario.neighbours.size());
    for (const NeighbourJob& neighbour : scenario.neighbours) {
      clusters_.push_back(on_nodes(scenario.whole_cluster, neighbour.nodes));
      tenants.push_back(
          {.model = &neighbour.model, .plan = &neighbour.plan, .cluster = &clusters_.back()});
      nodes.insert(nodes.end(), neighbour.nodes.begin(), neighbour.nodes.end());
    }
    together_ = on_nodes(scenario.whole_cluster, nodes);
    layouts_ = lay_out_together(tenants, together_, profile, folding);
    check_classes(scenario, folding);
    for (const JobLayout& layout : layouts_) {
      // make_unique would copy the graph, which Boost cannot move.
      graphs_.push_back(std::unique_ptr<const OpGraph>(  // NOLINT(modernize-make-unique)
          new OpGraph(lower_training_step(layout))));
    }
  }
  JobsTogether(const JobsTogether&) = delete;
  JobsTogether& operator=(const JobsTogether&) = delete;

  int classes() const {
    std::size_t classes = 0;
    for (const auto& graph : graphs_) {
      classes += graph->ranks.size();
    }
    return static_cast<int>(classes);
  }

  std::size_t jobs() const { return graphs_.size(); }
  const OpGraph& graph(std::size_t job) const { return *graphs_[job]; }

 private:
  void check_classes(const Scenario& scenario, Folding folding) const {
    std::size_t classes = 0;
    for (const JobLayout& layout : layouts_) {
      classes += layout.classes.ranks.members.size();
    }
    if (folding == Folding::kFolded && classes > kMostClasses) {
      throw InputError({.file = scenario.path},
                       fmt::format("what makes ranks differ leaves {} classes of those of the "
                                   "scenario and its neighbours, which would take hours",
                                   format_count(static_cast<double>(classes))),
                       fewer_classes(scenario));
    }
    if (folding == Folding::kFolded) {
      announce_classes(classes);
    }
  }

  std::vector<Cluster> clusters_;
  Cluster together_;
  std::vector<JobLayout> layouts_;
  std::vector<std::unique_ptr<const OpGraph>> graphs_;
};

/// When each job's last operation ends.
std::vector<Seconds> ends(const JobsTogether& jobs, const Timeline& timeline) {
  std::vector<std::size_t> job_of_rank;
  for (std::size_t job = 0; job < jobs.jobs(); ++job) {
    job_of_rank.insert(job_of_rank.end(), jobs.graph(job).ranks.size(), job);
  }
  std::vector<Seconds> result(jobs.jobs());
  for (const Event& event : timeline.events) {
    Seconds& end = result[job_of_rank[static_cast<std::size_t>(event.rank)]];
    end = std::max(end, Seconds(event.end));
  }
  return result;
}

void check_size(const Scenario& scenario, const std::vector<RunningJob>& running) {
  double activities = 0.0;
  for (const RunningJob& job : running) {
    activities += simulated_activities(*job.graph) * job.steps;
  }
  if (activities > kMostSimulated) {
    throw InputError({.file = scenario.path},
                     fmt::format("the scenario and its neighbours are {} million activities, which "
                                 "would take hours; up to {} million are simulated",
                                 format_count(activities / 1e6),
                                 format_count(kMostSimulated / 1e6)),
                     fewer_classes(scenario) + "; neighbours whose steps are not much shorter");
  }
}

}  // namespace

StepBesideNeighbours step_beside_neighbours(const Scenario& scenario,
                                            const KernelTimes& kernels,
                                            Folding folding,
                                            Engine engine) {
  check(!scenario.neighbours.empty(), "there are neighbours");
  const JobsTogether jobs(scenario, kernels.profile(), folding);
  const auto simulation = [&](const OpGraph& graph) {
    return Simulation{.graph = &graph,
                      .profile = &kernels.profile(),
                      .kernels = &kernels,
                      .communication_sms = scenario.plan.communication_sms,
                      .engine = engine};
  };
  std::vector<RunningJob> running = {{.graph = &jobs.graph(0)}};
  for (std::size_t job = 1; job < jobs.jobs(); ++job) {
    running.push_back({.graph = &jobs.graph(job)});
  }
  std::vector<Seconds> end;
  do {
    check_size(scenario, running);
    announce("simulating the step beside its neighbours");
    OpGraph graph;
    join_graphs(running, graph);
    end = ends(jobs, simulate(simulation(graph)));
    for (std::size_t job = 1; job < jobs.jobs(); ++job) {
      if (end[job] < end[0]) {
        const Seconds step = end[job] / running[job].steps;
        running[job].steps =
            std::max(running[job].steps + 1, static_cast<int>(std::ceil(end[0] / step)));
      }
    }
  } while (std::ranges::min(end) < end[0]);
  return {.time = end[0], .classes = jobs.classes()};
}

}  // namespace towtank
