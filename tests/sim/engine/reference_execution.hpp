// A second, slow way to execute a costed op graph: a fluid simulation written from the definition
// of max-min fairness, against which the engine is checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sim/engine/workload.hpp"
#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Start and end of every operation, by vertex, in seconds.
struct ReferenceTimes {
  std::vector<double> start;
  std::vector<double> end;
};

class ReferenceExecution {
 public:
  ReferenceExecution(const OpGraph& graph, const Workload& workload)
      : graph_(graph), workload_(workload), jobs_(boost::num_vertices(graph.dependencies)) {}

  /// The graph must be able to finish.
  ReferenceTimes run() {
    while (true) {
      while (start_ready_jobs() || end_finished_jobs()) {
      }
      share_bandwidth();
      const double step = time_to_next_change();
      if (std::isinf(step)) {
        break;
      }
      advance(step);
    }
    ReferenceTimes times;
    for (const Job& job : jobs_) {
      times.start.push_back(job.start);
      times.end.push_back(job.end);
    }
    return times;
  }

 private:
  struct Moving {
    const std::vector<Hop>* hops = nullptr;
    double left = 0.0;  // bytes
    double rate = 0.0;  // bytes per second
  };
  struct Job {
    bool started = false;
    bool ended = false;
    double delay = 0.0;  // left to wait
    std::vector<Moving> flows;
    double start = -1.0;
    double end = -1.0;
  };

  const Node& node(Vertex v) const { return graph_.dependencies[v]; }

  /// The operations that start and end with `v`, itself included.
  std::vector<Vertex> company(Vertex v) const {
    std::vector<Vertex> members;
    for (Vertex other = 0; other < jobs_.size(); ++other) {
      if (other == v || (node(v).rendezvous >= 0 && node(other).rendezvous == node(v).rendezvous)) {
        members.push_back(other);
      }
    }
    return members;
  }

  bool is_ready(Vertex v) const {
    for (const auto& edge : boost::make_iterator_range(boost::edges(graph_.dependencies))) {
      if (boost::target(edge, graph_.dependencies) == v &&
          !jobs_[boost::source(edge, graph_.dependencies)].ended) {
        return false;
      }
    }
    const auto& stream = graph_.streams[static_cast<std::size_t>(node(v).rank)]
                                       [static_cast<std::size_t>(node(v).stream)];
    return std::ranges::all_of(stream.begin(), std::ranges::find(stream, v), [&](Vertex earlier) {
      return jobs_[earlier].ended;
    });
  }

  bool start_ready_jobs() {
    bool any = false;
    for (Vertex v = 0; v < jobs_.size(); ++v) {
      const auto members = company(v);
      if (!jobs_[v].started &&
          std::ranges::all_of(members, [&](Vertex member) { return is_ready(member); })) {
        for (const Vertex member : members) {
          start(member);
        }
        any = true;
      }
    }
    return any;
  }

  void start(Vertex v) {
    Job& job = jobs_[v];
    job.started = true;
    job.start = now_;
    const auto index = static_cast<std::size_t>(node(v).index);
    if (node(v).work == Node::Work::kSegment) {
      job.delay = workload_.segments[index].si() *
                  graph_.ranks[static_cast<std::size_t>(node(v).rank)].slowdown;
      return;
    }
    if (graph_.traffics[index].led_by_another) {
      return;
    }
    job.delay = workload_.traffics[index].delay.si();
    for (std::size_t i = 0; i < graph_.traffics[index].flows.size(); ++i) {
      job.flows.push_back({.hops = &graph_.traffics[index].flows[i].hops,
                           .left = workload_.traffics[index].flows[i].si()});
    }
  }

  static bool is_done(const Job& job) {
    return job.started && job.delay == 0.0 && job.flows.empty();
  }

  bool end_finished_jobs() {
    bool any = false;
    for (Vertex v = 0; v < jobs_.size(); ++v) {
      const auto members = company(v);
      if (!jobs_[v].ended &&
          std::ranges::all_of(members, [&](Vertex member) { return is_done(jobs_[member]); })) {
        for (const Vertex member : members) {
          jobs_[member].ended = true;
          jobs_[member].end = now_;
        }
        any = true;
      }
    }
    return any;
  }

  /// Progressive filling: the rates of all flows rise together; when a wire is full, those of the
  /// flows through it stay, and the others rise on.
  void share_bandwidth() {
    std::vector<Moving*> rising;
    std::vector<double> room;
    for (const Wire& wire : graph_.wires) {
      room.push_back(wire.capacity.si());
    }
    for (Job& job : jobs_) {
      for (Moving& moving : job.flows) {
        if (job.delay == 0.0) {
          rising.push_back(&moving);
        }
      }
    }
    while (!rising.empty()) {
      std::vector<double> shares(room.size(), 0.0);
      for (const Moving* moving : rising) {
        for (const Hop& hop : *moving->hops) {
          shares[static_cast<std::size_t>(hop.wire)] += hop.times;
        }
      }
      std::size_t full = 0;
      double rate = std::numeric_limits<double>::infinity();
      for (std::size_t wire = 0; wire < room.size(); ++wire) {
        if (shares[wire] > 0.0 && room[wire] / shares[wire] < rate) {
          rate = room[wire] / shares[wire];
          full = wire;
        }
      }
      std::erase_if(rising, [&](Moving* moving) {
        const bool stays = std::ranges::any_of(*moving->hops, [full](const Hop& hop) {
          return static_cast<std::size_t>(hop.wire) == full;
        });
        if (stays) {
          moving->rate = rate;
          for (const Hop& hop : *moving->hops) {
            room[static_cast<std::size_t>(hop.wire)] -= rate * hop.times;
          }
        }
        return stays;
      });
    }
  }

  double time_to_next_change() const {
    double step = std::numeric_limits<double>::infinity();
    for (const Job& job : jobs_) {
      if (job.delay > 0.0) {
        step = std::min(step, job.delay);
        continue;
      }
      for (const Moving& moving : job.flows) {
        step = std::min(step, moving.left / moving.rate);
      }
    }
    return step;
  }

  /// What is within a picosecond of its end has ended.
  void advance(double step) {
    constexpr double kInstant = 1e-12;
    now_ += step;
    for (Job& job : jobs_) {
      if (job.delay > 0.0) {
        job.delay = job.delay - step > kInstant ? job.delay - step : 0.0;
        continue;
      }
      for (Moving& moving : job.flows) {
        moving.left -= step * moving.rate;
      }
      std::erase_if(job.flows,
                    [](const Moving& moving) { return moving.left <= kInstant * moving.rate; });
    }
  }

  const OpGraph& graph_;
  const Workload& workload_;
  std::vector<Job> jobs_;
  double now_ = 0.0;
};

}  // namespace towtank
