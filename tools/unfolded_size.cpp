#include "tools/unfolded_size.hpp"

#include <cstddef>

namespace towtank {

double unfolded_activities(const OpGraph& folded) {
  double activities = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(folded.dependencies))) {
    const Node& node = folded.dependencies[vertex];
    double of_one_rank = 1.0;
    if (node.work == Node::Work::kTraffic) {
      of_one_rank = 0.0;
      for (const Flow& flow : folded.traffics[static_cast<std::size_t>(node.index)].flows) {
        of_one_rank += flow.copies;
      }
    }
    const SimulatedRank& rank = folded.ranks[static_cast<std::size_t>(node.rank)];
    activities += of_one_rank * static_cast<double>(rank.members);
  }
  return activities;
}

}  // namespace towtank
