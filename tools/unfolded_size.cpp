#include "tools/unfolded_size.hpp"

#include <cstddef>

namespace towtank {

namespace {

/// Of one vertex: a run of kernels, or the flows of a traffic as `count` counts each.
template <typename Count>
double activities_of(const OpGraph& graph, const Node& node, Count count) {
  if (node.work != Node::Work::kTraffic) {
    return 1.0;
  }
  double flows = 0.0;
  for (const Flow& flow : graph.traffics[static_cast<std::size_t>(node.index)].flows) {
    flows += count(flow);
  }
  return flows;
}

}  // namespace

double unfolded_activities(const OpGraph& folded) {
  double activities = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(folded.dependencies))) {
    const Node& node = folded.dependencies[vertex];
    const SimulatedRank& rank = folded.ranks[static_cast<std::size_t>(node.rank)];
    activities += static_cast<double>(rank.members) *
                  activities_of(folded, node, [](const Flow& flow) { return flow.copies; });
  }
  return activities;
}

double simulated_activities(const OpGraph& graph) {
  double activities = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    activities += activities_of(graph, graph.dependencies[vertex], [](const Flow&) { return 1.0; });
  }
  return activities;
}

}  // namespace towtank
