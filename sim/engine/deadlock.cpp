#include "sim/engine/deadlock.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/engine/waits.hpp"

namespace towtank {
namespace {

/// `after` cannot start before `before` has ended.
struct Wait {
  Vertex before = 0;
  Vertex after = 0;
};

std::vector<Wait> all_waits(const OpGraph& graph) {
  std::vector<Wait> waits;
  for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
    waits.push_back(
        {boost::source(edge, graph.dependencies), boost::target(edge, graph.dependencies)});
  }
  for (const auto& streams : graph.streams) {
    for (const auto& stream : streams) {
      for (std::size_t i = 1; i < stream.size(); ++i) {
        waits.push_back({stream[i - 1], stream[i]});
      }
    }
  }
  return waits;
}

/// Kahn's algorithm (1962): takes units off as soon as nothing they wait for is left; returns for
/// each unit how many of its waits remain. All zero if and only if there is no cycle.
std::vector<int> remaining_waits(const Waits& waits) {
  std::vector<int> remaining = waits.before;
  std::vector<std::uint32_t> ready;
  for (std::uint32_t operation = 0; operation < remaining.size(); ++operation) {
    if (waits.unit[operation] == operation && remaining[operation] == 0) {
      ready.push_back(operation);
    }
  }
  while (!ready.empty()) {
    std::uint32_t member = ready.back();
    ready.pop_back();
    for (; member != Waits::kNone; member = waits.next[member]) {
      for (const std::uint32_t waiter : waits.waiting_for(member)) {
        if (--remaining[waiter] == 0) {
          ready.push_back(waiter);
        }
      }
    }
  }
  return remaining;
}

/// A cycle of waits among the units Kahn's algorithm could not take, in waiting order.
std::vector<Wait> find_cycle(const std::vector<Wait>& waits,
                             const std::vector<std::uint32_t>& unit,
                             const std::vector<int>& remaining) {
  std::unordered_map<Vertex, Wait> blocked_by;  // stuck unit -> a wait for another stuck unit
  for (const Wait& wait : waits) {
    if (remaining[unit[wait.after]] > 0 && remaining[unit[wait.before]] > 0) {
      blocked_by.try_emplace(unit[wait.after], wait);
    }
  }
  std::unordered_map<Vertex, std::size_t> visited;  // unit -> place in path
  std::vector<Wait> path;
  Vertex u = std::ranges::min_element(blocked_by, {}, [](const auto& entry) {
               return entry.first;
             })->first;
  while (visited.try_emplace(u, path.size()).second) {
    path.push_back(blocked_by.at(u));
    u = unit[path.back().before];
  }
  path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(visited.at(u)));
  return path;
}

std::string explain(const OpGraph& graph, const std::vector<Wait>& cycle) {
  constexpr std::size_t kShown = 12;
  std::string text = "the graph cannot finish, its operations wait in a circle:";
  for (std::size_t i = 0; i < std::min(cycle.size(), kShown); ++i) {
    const Wait& wait = cycle[i];
    text += "\n  " + describe(graph, wait.after) + " waits for " + describe(graph, wait.before);
    const Vertex next = cycle[(i + 1) % cycle.size()].after;
    if (next != wait.before) {
      text += ", which starts together with " + describe(graph, next);
    }
  }
  if (cycle.size() > kShown) {
    text += "\n  and " + std::to_string(cycle.size() - kShown) + " more";
  }
  return text;
}

}  // namespace

std::string describe(const OpGraph& graph, Vertex vertex) {
  const Node& node = graph.dependencies[vertex];
  const auto index = static_cast<std::size_t>(node.index);
  const std::string& operation =
      node.work == Node::Work::kSegment ? graph.segments[index].name : graph.traffics[index].name;
  const int rank = graph.ranks[static_cast<std::size_t>(node.rank)].rank;
  return operation + " (rank " + std::to_string(rank) + ", stream " +
         std::string(name(node.stream)) + ")";
}

void check_streams(const OpGraph& graph) {
  std::vector<char> seen(boost::num_vertices(graph.dependencies), 0);
  for (std::size_t rank = 0; rank < graph.streams.size(); ++rank) {
    for (std::size_t stream = 0; stream < graph.streams[rank].size(); ++stream) {
      for (const Vertex vertex : graph.streams[rank][stream]) {
        const Node& node = graph.dependencies[vertex];
        check(seen[vertex] == 0 && node.rank == static_cast<int>(rank) &&
                  node.stream == static_cast<StreamKind>(stream),
              "an operation stands once, in the stream it names");
        seen[vertex] = 1;
      }
    }
  }
  check(std::ranges::find(seen, 0) == seen.end(), "every operation stands in a stream");
}

void check_graph_finishes(const OpGraph& graph) {
  const Waits waits = find_waits(graph);
  const std::vector<int> remaining = remaining_waits(waits);
  if (std::ranges::any_of(remaining, [](int count) { return count > 0; })) {
    throw BrokenClaim(explain(graph, find_cycle(all_waits(graph), waits.unit, remaining)));
  }
}

}  // namespace towtank
