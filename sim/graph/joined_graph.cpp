#include "sim/graph/joined_graph.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

int size_of(const auto& list) {
  return static_cast<int>(list.size());
}

template <typename Item>
void append(const std::vector<Item>& items, std::vector<Item>& all) {
  all.insert(all.end(), items.begin(), items.end());
}

/// The graph's wires that are no ranks' ports.
std::size_t first_shared_wire(const OpGraph& graph) {
  return graph.ranks.size() * kPortsOfRank;
}

void append_ports(std::span<const RunningJob> jobs, OpGraph& joined) {
  for (const RunningJob& job : jobs) {
    const int first_rank = size_of(joined.ranks);
    append(job.graph->ranks, joined.ranks);
    for (std::size_t i = 0; i < first_shared_wire(*job.graph); ++i) {
      joined.wires.push_back(job.graph->wires[i]);
      joined.wires.back().rank += first_rank;
    }
  }
  joined.streams.resize(joined.ranks.size());
}

void append_shared_wires(std::span<const RunningJob> jobs, OpGraph& joined) {
  const auto shared = [](const OpGraph& graph) {
    return std::span(graph.wires).subspan(first_shared_wire(graph));
  };
  const std::span<const Wire> wires = shared(*jobs.front().graph);
  for (const RunningJob& job : jobs) {
    const std::span<const Wire> of_job = shared(*job.graph);
    check(of_job.size() == wires.size(), "jobs laid out together share the fabric's wires");
    for (std::size_t i = 0; i < wires.size(); ++i) {
      check(of_job[i].name == wires[i].name && of_job[i].capacity == wires[i].capacity &&
                of_job[i].members == wires[i].members,
            "jobs laid out together know the same wires of the fabric");
    }
  }
  joined.wires.insert(joined.wires.end(), wires.begin(), wires.end());
}

/// Where the parts of a job go in the joined graph.
struct Offsets {
  int rank = 0;
  int segment = 0;
  int traffic = 0;
  int slot = 0;
  int rendezvous = 0;
};

class Joiner {
 public:
  Joiner(std::span<const RunningJob> jobs, OpGraph& joined) : joined_(joined) {
    append_ports(jobs, joined_);
    append_shared_wires(jobs, joined_);
  }

  void append_job(const RunningJob& job) {
    append_parts(*job.graph);
    for (int step = 0; step < job.steps; ++step) {
      append_step(*job.graph);
    }
    offsets_.rank += size_of(job.graph->ranks);
  }

 private:
  void append_parts(const OpGraph& graph) {
    offsets_.segment = size_of(joined_.segments);
    offsets_.traffic = size_of(joined_.traffics);
    offsets_.slot = size_of(joined_.slots);
    append(graph.segments, joined_.segments);
    for (Traffic traffic : graph.traffics) {
      for (Flow& flow : traffic.flows) {
        flow.source += offsets_.rank;
        flow.destination += offsets_.rank;
        for (Hop& hop : flow.hops) {
          hop.wire = wire(graph, hop.wire);
        }
      }
      joined_.traffics.push_back(std::move(traffic));
    }
    for (SlotLabel slot : graph.slots) {
      slot.rank += offsets_.rank;
      joined_.slots.push_back(slot);
    }
  }

  /// A job's wire in the joined graph.
  int wire(const OpGraph& graph, int of_job) const {
    const auto first_shared = static_cast<int>(first_shared_wire(graph));
    return of_job < first_shared
               ? offsets_.rank * kPortsOfRank + of_job
               : static_cast<int>(first_shared_wire(joined_)) + of_job - first_shared;
  }

  void append_step(const OpGraph& graph) {
    const Vertex first = boost::num_vertices(joined_.dependencies);
    int meetings = 0;
    for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
      Node node = graph.dependencies[vertex];
      node.index += node.work == Node::Work::kSegment ? offsets_.segment : offsets_.traffic;
      node.rank += offsets_.rank;
      node.slot += offsets_.slot;
      if (node.rendezvous >= 0) {
        meetings = std::max(meetings, node.rendezvous + 1);
        node.rendezvous += offsets_.rendezvous;
      }
      boost::add_vertex(node, joined_.dependencies);
    }
    offsets_.rendezvous += meetings;
    for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
      boost::add_edge(first + boost::source(edge, graph.dependencies),
                      first + boost::target(edge, graph.dependencies),
                      joined_.dependencies);
    }
    for (std::size_t rank = 0; rank < graph.streams.size(); ++rank) {
      append_streams(graph.streams[rank],
                     first,
                     joined_.streams[static_cast<std::size_t>(offsets_.rank) + rank]);
    }
  }

  using Streams = std::array<std::vector<Vertex>, kStreamKinds>;

  /// What a rank does in one more step: the first of every stream waits for the last of all.
  void append_streams(const Streams& step, Vertex first, Streams& all) {
    std::vector<Vertex> last;
    for (const std::vector<Vertex>& stream : all) {
      if (!stream.empty()) {
        last.push_back(stream.back());
      }
    }
    for (std::size_t kind = 0; kind < step.size(); ++kind) {
      if (step[kind].empty()) {
        continue;
      }
      for (const Vertex before : last) {
        boost::add_edge(before, first + step[kind].front(), joined_.dependencies);
      }
      for (const Vertex vertex : step[kind]) {
        all[kind].push_back(first + vertex);
      }
    }
  }

  OpGraph& joined_;
  Offsets offsets_;
};

}  // namespace

void join_graphs(std::span<const RunningJob> jobs, OpGraph& joined) {
  check(joined.ranks.empty() && !jobs.empty(), "jobs are joined in a new graph");
  Joiner joiner(jobs, joined);
  for (const RunningJob& job : jobs) {
    joiner.append_job(job);
  }
}

}  // namespace towtank
