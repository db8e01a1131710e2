#include "sim/engine/deadlock.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/base/error.hpp"

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

/// Operations that start and end together count as one: vertex -> its unit.
std::vector<Vertex> units_of(const OpGraph& graph) {
  std::vector<Vertex> unit(boost::num_vertices(graph.dependencies));
  std::iota(unit.begin(), unit.end(), Vertex{0});
  std::unordered_map<int, Vertex> first_of_rendezvous;
  for (Vertex vertex = 0; vertex < unit.size(); ++vertex) {
    const int rendezvous = graph.dependencies[vertex].rendezvous;
    if (rendezvous >= 0) {
      unit[vertex] = first_of_rendezvous.try_emplace(rendezvous, vertex).first->second;
    }
  }
  return unit;
}

/// Kahn's algorithm (1962): takes units off as soon as nothing they wait for is left; returns for
/// each unit how many of its waits remain. All zero if and only if there is no cycle.
std::vector<int> remaining_waits(const std::vector<Wait>& waits, const std::vector<Vertex>& unit) {
  const std::size_t count = unit.size();
  std::vector<int> remaining(count, 0);
  std::vector<std::size_t> first(count + 1, 0);  // of each unit's successors
  for (const Wait& wait : waits) {
    ++remaining[unit[wait.after]];
    ++first[unit[wait.before] + 1];
  }
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<Vertex> successors(waits.size());
  std::vector<std::size_t> next(first.begin(), first.end() - 1);
  for (const Wait& wait : waits) {
    successors[next[unit[wait.before]]++] = unit[wait.after];
  }

  std::vector<Vertex> ready;
  for (Vertex u = 0; u < count; ++u) {
    if (unit[u] == u && remaining[u] == 0) {
      ready.push_back(u);
    }
  }
  while (!ready.empty()) {
    const Vertex u = ready.back();
    ready.pop_back();
    for (std::size_t i = first[u]; i < first[u + 1]; ++i) {
      if (--remaining[successors[i]] == 0) {
        ready.push_back(successors[i]);
      }
    }
  }
  return remaining;
}

/// A cycle of waits among the units Kahn's algorithm could not take, in waiting order.
std::vector<Wait> find_cycle(const std::vector<Wait>& waits,
                             const std::vector<Vertex>& unit,
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

/// Every vertex stands exactly once in the streams, in the one it names.
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

void check_graph_finishes(const OpGraph& graph) {
  check_streams(graph);
  const std::vector<Wait> waits = all_waits(graph);
  const std::vector<Vertex> unit = units_of(graph);
  const std::vector<int> remaining = remaining_waits(waits, unit);
  if (std::ranges::any_of(remaining, [](int count) { return count > 0; })) {
    throw BrokenClaim(explain(graph, find_cycle(waits, unit, remaining)));
  }
}

}  // namespace towtank
