#include "sim/engine/waits.hpp"

#include <numeric>
#include <unordered_map>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

void join_units(const OpGraph& graph, Waits& waits) {
  std::unordered_map<int, std::uint32_t> last_of;  // of a rendezvous, so far
  const std::size_t count = boost::num_vertices(graph.dependencies);
  waits.unit.resize(count);
  waits.next.assign(count, Waits::kNone);
  for (Vertex vertex = 0; vertex < count; ++vertex) {
    const auto operation = static_cast<std::uint32_t>(vertex);
    waits.unit[vertex] = operation;
    const int rendezvous = graph.dependencies[vertex].rendezvous;
    if (rendezvous < 0) {
      continue;
    }
    const auto [last, is_first] = last_of.try_emplace(rendezvous, operation);
    if (!is_first) {
      waits.unit[vertex] = waits.unit[last->second];
      waits.next[last->second] = operation;
      last->second = operation;
    }
  }
}

/// Calls `visit(before, after)` for every operation that another waits for.
template <typename Visit>
void for_each_wait(const OpGraph& graph, const Visit& visit) {
  for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
    visit(boost::source(edge, graph.dependencies), boost::target(edge, graph.dependencies));
  }
  for (const auto& streams : graph.streams) {
    for (const std::vector<Vertex>& stream : streams) {
      for (std::size_t i = 1; i < stream.size(); ++i) {
        visit(stream[i - 1], stream[i]);
      }
    }
  }
}

}  // namespace

Waits find_waits(const OpGraph& graph) {
  const std::size_t count = boost::num_vertices(graph.dependencies);
  check(count < Waits::kNone, "operations are counted in 32 bits");
  Waits waits;
  join_units(graph, waits);
  waits.first.assign(count + 1, 0);
  waits.before.assign(count, 0);
  for_each_wait(graph, [&](Vertex before, Vertex after) {
    ++waits.first[before + 1];
    ++waits.before[waits.unit[after]];
  });
  std::partial_sum(waits.first.begin(), waits.first.end(), waits.first.begin());
  waits.waiters.resize(waits.first.back());
  std::vector<std::uint32_t> free(waits.first.begin(), waits.first.end() - 1);
  for_each_wait(graph, [&](Vertex before, Vertex after) {
    waits.waiters[free[before]++] = waits.unit[after];
  });
  return waits;
}

}  // namespace towtank
