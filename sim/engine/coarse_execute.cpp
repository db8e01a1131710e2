#include "sim/engine/coarse_execute.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <set>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/engine/fair_share.hpp"
#include "sim/engine/ways.hpp"

namespace towtank {
namespace {

bool waits_for_nothing(const OpGraph& graph) {
  if (boost::num_edges(graph.dependencies) > 0 || !graph.segments.empty()) {
    return false;
  }
  for (const auto& streams : graph.streams) {
    for (const std::vector<Vertex>& stream : streams) {
      if (stream.size() > 1) {
        return false;
      }
    }
  }
  return true;
}

struct MovingFlow {
  int way = 0;
  std::size_t vertex = 0;
  double left = 0.0;  // bytes
};

std::vector<double> carried_by_wires(const OpGraph& graph, const WireFlows& flows) {
  std::vector<double> carried(graph.wires.size(), 0.0);
  for (const WireFlow& flow : flows.flows) {
    for (const Ways::Hop& hop : flows.ways.of(static_cast<std::size_t>(flow.way))) {
      carried[static_cast<std::size_t>(hop.wire)] += flow.bytes * hop.times;
    }
  }
  return carried;
}

class CoarseExecutor {
 public:
  CoarseExecutor(const OpGraph& graph, const Workload& workload, double grain)
      : graph_(graph),
        workload_(workload),
        flows_(wire_flows(graph, workload)),
        capacity_(capacities(graph)),
        share_(flows_.ways, capacity_),
        unfinished_(boost::num_vertices(graph.dependencies), 0) {
    execution_.carried = carried_by_wires(graph, flows_);
    for (std::size_t wire = 0; wire < capacity_.size(); ++wire) {
      least_ = std::max(least_, grain * execution_.carried[wire] / capacity_[wire]);
    }
    moving_.reserve(flows_.flows.size());
    for (std::size_t vertex = 0; vertex < unfinished_.size(); ++vertex) {
      waiting_.push_back(vertex);
    }
    std::ranges::stable_sort(waiting_, {}, [this](std::size_t vertex) { return delay(vertex); });
  }

  Execution run() {
    std::size_t next = 0;
    while (next < waiting_.size() || !moving_.empty()) {
      if (moving_.empty()) {
        now_ = std::max(now_, delay(waiting_[next]));
      }
      while (next < waiting_.size() && delay(waiting_[next]) <= now_) {
        start(waiting_[next++]);
      }
      share_.settle();
      move(next < waiting_.size() ? delay(waiting_[next]) - now_
                                  : std::numeric_limits<double>::max());
    }
    return std::move(execution_);
  }

 private:
  std::size_t traffic(std::size_t vertex) const {
    return static_cast<std::size_t>(graph_.dependencies[vertex].index);
  }

  double delay(std::size_t vertex) const { return workload_.traffics[traffic(vertex)].delay.si(); }

  void start(std::size_t vertex) {
    for (const WireFlow& flow : flows_.of(traffic(vertex))) {
      moving_.push_back({.way = flow.way, .vertex = vertex, .left = flow.bytes});
      share_.join(flow.way);
      ++unfinished_[vertex];
      ++execution_.activities;
    }
    if (unfinished_[vertex] == 0) {
      complete(vertex);
    }
  }

  void complete(std::size_t vertex) {
    execution_.completions.push_back(
        {.vertex = static_cast<std::int64_t>(vertex), .start = 0.0, .end = now_});
  }

  /// All flows move for as long as the first of them needs and for least_ at any rate, but not
  /// beyond `most`, nor the last one's end. Flows that have arrived leave.
  void move(double most) {
    double first = std::numeric_limits<double>::max();
    double last = 0.0;
    for (const MovingFlow& flow : moving_) {
      const double time = flow.left / share_.rate(flow.way);
      first = std::min(first, time);
      last = std::max(last, time);
    }
    const double step = std::min({std::max(first, least_), last, most});
    now_ += step;
    std::erase_if(moving_, [&](MovingFlow& flow) {
      const double rate = share_.rate(flow.way);
      // What rounding leaves of the flow that set the step has arrived as well.
      const bool arrives = flow.left <= rate * step * (1.0 + 1e-12);
      flow.left -= rate * step;
      if (arrives) {
        share_.leave(flow.way);
        if (--unfinished_[flow.vertex] == 0) {
          complete(flow.vertex);
        }
      }
      return arrives;
    });
  }

  const OpGraph& graph_;
  const Workload& workload_;
  WireFlows flows_;
  std::vector<double> capacity_;
  FairShare share_;
  double least_ = 0.0;                // of a step, seconds
  std::vector<int> unfinished_;       // (vertices): flows under way
  std::vector<std::size_t> waiting_;  // vertices, by their delays
  std::vector<MovingFlow> moving_;
  double now_ = 0.0;
  Execution execution_;
};

}  // namespace

std::optional<double> grain_of(const OpGraph& graph) {
  constexpr double kGrain = 2e-3;
  constexpr std::size_t kManyFlows = 20'000;
  constexpr std::size_t kManyUnlikeFlows = 4'100;  // 64 GPUs, every pair another size
  constexpr std::size_t kManySizes = 1'000;
  if (!waits_for_nothing(graph)) {
    return std::nullopt;
  }
  std::size_t flows = 0;
  std::set<Bytes> sizes;
  for (const Traffic& traffic : graph.traffics) {
    flows += traffic.flows.size();
    for (std::size_t i = 0; i < traffic.flows.size() && sizes.size() <= kManySizes; ++i) {
      sizes.insert(traffic.flows[i].bytes);
    }
  }
  if (sizes.size() > kManySizes) {
    return flows > kManyUnlikeFlows ? kGrain : 0.0;
  }
  return flows > kManyFlows ? std::optional(kGrain) : std::nullopt;
}

Execution execute_coarsely(const OpGraph& graph, const Workload& workload, double grain) {
  check(waits_for_nothing(graph), "only traffics that wait for nothing are executed coarsely");
  return CoarseExecutor(graph, workload, grain).run();
}

}  // namespace towtank
