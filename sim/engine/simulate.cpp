#include "sim/engine/simulate.hpp"

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/engine/deadlock.hpp"
#include "sim/engine/execute.hpp"
#include "sim/engine/labels.hpp"
#include "sim/engine/simgrid/execute.hpp"
#include "sim/engine/workload.hpp"

namespace towtank {
namespace {

std::vector<Event> events_of(const OpGraph& graph,
                             const Labels& labels,
                             const std::vector<Completion>& completions) {
  std::vector<Event> events;
  events.reserve(completions.size());
  for (std::size_t i = 0; i < completions.size(); ++i) {
    const Completion& completion = completions[i];
    const Node& node = graph.dependencies[static_cast<Vertex>(completion.vertex)];
    events.push_back({.label = labels.of[i],
                      .rank = node.rank,
                      .slot = node.slot,
                      .stream = node.stream,
                      .start = completion.start,
                      .end = completion.end,
                      .cause = completion.cause});
  }
  return events;
}

/// The wires that something went through, and all ports.
std::vector<LinkUse> links_of(const OpGraph& graph, const std::vector<double>& carried) {
  std::vector<LinkUse> links;
  links.reserve(graph.wires.size());
  for (std::size_t i = 0; i < graph.wires.size(); ++i) {
    const Wire& wire = graph.wires[i];
    links.push_back({.name = wire.name,
                     .rank = wire.rank,
                     .medium = wire.medium,
                     .carried = Bytes(carried[i] / wire.parts),
                     .capacity = wire.capacity / wire.parts,
                     .members = wire.members,
                     .cables = wire.cables});
  }
  return links;
}

Timeline timeline_of(const Simulation& simulation, Labels labels, const Execution& execution) {
  const OpGraph& graph = *simulation.graph;
  Timeline timeline;
  for (const SimulatedRank& rank : graph.ranks) {
    timeline.ranks.push_back(
        {.rank = rank.rank, .pipeline = rank.pipeline, .members = rank.members});
  }
  for (const SlotLabel& slot : graph.slots) {
    timeline.slots.push_back({.rank = slot.rank,
                              .phase = slot.phase,
                              .stage = slot.stage,
                              .overlapped_stage = slot.overlapped_stage,
                              .micro_batch = slot.micro_batch});
  }
  timeline.events = events_of(graph, labels, execution.completions);
  timeline.labels = std::move(labels.labels);
  timeline.links = links_of(graph, execution.carried);
  timeline.end = Seconds(timeline.events.empty() ? 0.0 : timeline.events.back().end);
  timeline.activities = execution.activities;
  return timeline;
}

}  // namespace

Timeline simulate(const Simulation& simulation) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  const OpGraph& graph = *simulation.graph;
  check_streams(graph);
  const Workload workload = cost_operations(simulation);
  const Execution execution = simulation.engine == Engine::kSimGrid
                                  ? execute_on_simgrid(graph, workload)
                                  : execute(graph, workload);
  Timeline timeline =
      timeline_of(simulation, label_operations(simulation, workload, execution), execution);
  timeline.wall_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return timeline;
}

std::vector<Timeline> simulate(std::span<const Simulation> simulations) {
  std::vector<Timeline> timelines;
  for (const Simulation& simulation : simulations) {
    timelines.push_back(simulate(simulation));
  }
  return timelines;
}

}  // namespace towtank
