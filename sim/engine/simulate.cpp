#include "sim/engine/simulate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/engine/deadlock.hpp"
#include "sim/engine/execute.hpp"
#include "sim/engine/labels.hpp"
#include "sim/engine/worker.hpp"
#include "sim/engine/workload.hpp"

namespace towtank {
namespace {

std::string to_message(const Execution& execution) {
  std::string message;
  append_plain(message, execution.completions);
  append_plain(message, execution.carried);
  append_plain(message, std::vector<std::int64_t>{execution.activities});
  return message;
}

Execution from_message(const std::string& message) {
  std::size_t offset = 0;
  Execution execution;
  execution.completions = take_plain<Completion>(message, offset);
  execution.carried = take_plain<double>(message, offset);
  execution.activities = take_plain<std::int64_t>(message, offset).at(0);
  return execution;
}

/// For each vertex the event whose end let it start: the last to end among its dependencies and its
/// stream's previous operation; for members of a rendezvous, among those of all members.
std::vector<std::int32_t> causes(const OpGraph& graph, const std::vector<std::int32_t>& event_of) {
  std::vector<std::int32_t> cause(event_of.size(), -1);
  const auto waits = [&](Vertex after, Vertex before) {
    cause[after] = std::max(cause[after], event_of[before]);
  };
  for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
    waits(boost::target(edge, graph.dependencies), boost::source(edge, graph.dependencies));
  }
  for (const auto& streams : graph.streams) {
    for (const std::vector<Vertex>& stream : streams) {
      for (std::size_t i = 1; i < stream.size(); ++i) {
        waits(stream[i], stream[i - 1]);
      }
    }
  }
  std::unordered_map<int, std::int32_t> last;  // per rendezvous
  for (Vertex vertex = 0; vertex < cause.size(); ++vertex) {
    const int rendezvous = graph.dependencies[vertex].rendezvous;
    if (rendezvous >= 0) {
      auto& latest = last.try_emplace(rendezvous, -1).first->second;
      latest = std::max(latest, cause[vertex]);
    }
  }
  for (Vertex vertex = 0; vertex < cause.size(); ++vertex) {
    const int rendezvous = graph.dependencies[vertex].rendezvous;
    if (rendezvous >= 0) {
      cause[vertex] = last.at(rendezvous);
    }
  }
  return cause;
}

std::vector<Event> events_of(const OpGraph& graph,
                             const Labels& labels,
                             const std::vector<Completion>& completions) {
  std::vector<std::int32_t> event_of(completions.size());
  for (std::size_t i = 0; i < completions.size(); ++i) {
    event_of[static_cast<std::size_t>(completions[i].vertex)] = static_cast<std::int32_t>(i);
  }
  const std::vector<std::int32_t> cause = causes(graph, event_of);
  std::vector<Event> events;
  events.reserve(completions.size());
  for (const Completion& completion : completions) {
    const auto vertex = static_cast<Vertex>(completion.vertex);
    const Node& node = graph.dependencies[vertex];
    const auto& label_of =
        node.work == Node::Work::kSegment ? labels.of_segment : labels.of_traffic;
    events.push_back({.label = label_of[static_cast<std::size_t>(node.index)],
                      .rank = node.rank,
                      .slot = node.slot,
                      .stream = node.stream,
                      .start = completion.start,
                      .end = completion.end,
                      .cause = cause[vertex]});
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
                     .carried = Bytes(carried[i]),
                     .capacity = wire.capacity,
                     .members = wire.members});
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
  check_graph_finishes(graph);
  const Workload workload = cost_operations(simulation);
  const std::string message = run_in_worker([&] { return to_message(execute(graph, workload)); });
  Timeline timeline =
      timeline_of(simulation, label_operations(simulation, workload), from_message(message));
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
