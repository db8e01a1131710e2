#include "sim/engine/labels.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "sim/engine/wire_kinds.hpp"

namespace towtank {
namespace {

/// Hands out label indices; equal labels get the same one.
class LabelBook {
 public:
  explicit LabelBook(std::vector<EventLabel>& labels) : labels_(labels) {}

  int index_of(const EventLabel& label) {
    Key key{label.name, {}};
    for (const Share& share : label.shares) {
      key.second.emplace_back(share.cause, share.fraction, share.error);
    }
    const auto [entry, is_new] = known_.emplace(std::move(key), static_cast<int>(labels_.size()));
    if (is_new) {
      labels_.push_back(label);
    }
    return entry->second;
  }

 private:
  using Key = std::pair<std::string, std::vector<std::tuple<std::string, double, double>>>;
  std::vector<EventLabel>& labels_;
  std::map<Key, int> known_;
};

std::vector<Share> segment_shares(const Segment& segment, const Simulation& simulation) {
  struct FamilyCost {
    Seconds time;
    Seconds uncertain;  // sum of time * relative error
  };
  const int sms = sms_of_segment(simulation, segment.shares_gpu);
  std::map<OpFamily, FamilyCost> families;
  Seconds whole;
  for (const Op& op : segment.ops) {
    const Estimate kernel = kernel_estimate(simulation, op, sms);
    const Seconds time = kernel.time + simulation.profile->launch;
    FamilyCost& total = families[family(op.kind)];
    total.time += time;
    total.uncertain += time * kernel.error;
    whole += time;
  }
  std::vector<Share> shares;
  for (const auto& [kind, total] : families) {
    if (total.time > Seconds()) {
      shares.push_back({.cause = std::string(name(kind)),
                        .fraction = total.time / whole,
                        .error = total.uncertain / total.time});
    }
  }
  return shares;
}

/// What the flows of one communication put on each wire that they cross. (wire, bytes)
std::map<int, Bytes> loads_of(const std::vector<Wire>& wires,
                              const Traffic& traffic,
                              const WireTraffic& costed) {
  std::map<int, Bytes> loads;
  for (std::size_t i = 0; i < traffic.flows.size(); ++i) {
    for (const Hop& hop : traffic.flows[i].hops) {
      const bool payload = wires[static_cast<std::size_t>(hop.wire)].payload;
      loads[hop.wire] += hop.times * (payload ? traffic.flows[i].bytes : costed.flows[i]);
    }
  }
  return loads;
}

/// A guess at what limits each traffic, where the engine does not tell: of the wires on its own
/// ways, the one that needs longest for all that is moved in such communications in a step.
/// Everybody communicates at about the same time, and a wire of the fabric is full of what others
/// send. It is wrong where communications of other kinds are under way, or not all at once.
class BusiestWires {
 public:
  BusiestWires(const OpGraph& graph, const Workload& workload) : graph_(graph) {
    std::vector<double> runs(graph.traffics.size(), 0.0);
    for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
      const Node& node = graph.dependencies[vertex];
      if (node.work == Node::Work::kTraffic) {
        runs[static_cast<std::size_t>(node.index)] += 1.0;
      }
    }
    for (std::size_t i = 0; i < graph.traffics.size(); ++i) {
      const Traffic& traffic = graph.traffics[i];
      loads_.push_back(loads_of(graph.wires, traffic, workload.traffics[i]));
      std::vector<Seconds>& times = times_[{traffic.group, traffic.kind}];
      times.resize(graph.wires.size());
      if (traffic.led_by_another) {
        continue;
      }
      for (const auto& [wire, load] : loads_.back()) {
        const auto index = static_cast<std::size_t>(wire);
        times[index] += runs[i] * load / graph.wires[index].capacity;
      }
    }
  }

  /// Of the traffic at this index, which has flows.
  int of(std::size_t traffic) const {
    const Traffic& its = graph_.traffics[traffic];
    const std::vector<Seconds>& times = times_.at({its.group, its.kind});
    int busiest = loads_[traffic].begin()->first;
    for (const auto& [wire, load] : loads_[traffic]) {
      if (times[static_cast<std::size_t>(wire)] > times[static_cast<std::size_t>(busiest)]) {
        busiest = wire;
      }
    }
    return busiest;
  }

 private:
  const OpGraph& graph_;
  std::vector<std::map<int, Bytes>> loads_;                                   // (traffics)
  std::map<std::pair<GroupKind, TransferKind>, std::vector<Seconds>> times_;  // (wires)
};

/// Names traffics by the kind of wire that held them down.
class TrafficLabels {
 public:
  TrafficLabels(const Simulation& simulation, const Workload& workload, LabelBook& book)
      : simulation_(simulation),
        workload_(workload),
        book_(book),
        kinds_(wire_kinds(*simulation.graph)),
        known_(simulation.graph->traffics.size()) {}

  int label(std::size_t traffic, int kind) {
    for (const auto& [held_by, label] : known_[traffic]) {
      if (held_by == kind) {
        return label;
      }
    }
    const Traffic& its = simulation_.graph->traffics[traffic];
    const int label = book_.index_of({its.name, shares(its, kind >= 0 ? kind : guess(traffic))});
    known_[traffic].emplace_back(kind, label);
    return label;
  }

 private:
  /// -1 for a traffic without flows.
  int guess(std::size_t traffic) {
    if (simulation_.graph->traffics[traffic].flows.empty()) {
      return -1;
    }
    if (!busiest_) {
      busiest_.emplace(*simulation_.graph, workload_);
    }
    return kinds_.of_wire[static_cast<std::size_t>(busiest_->of(traffic))];
  }

  std::vector<Share> shares(const Traffic& traffic, int kind) const {
    if (kind < 0 || traffic.flows.empty()) {
      return {};
    }
    const WireKind& wires = kinds_.kinds[static_cast<std::size_t>(kind)];
    return {{.cause = wires.name + " " + std::string(name(traffic.kind)),
             .fraction = 1.0,
             .error = traffic.cost ? traffic.cost->error
                                   : simulation_.profile->link(traffic.kind, wires.medium).error}};
  }

  const Simulation& simulation_;
  const Workload& workload_;
  LabelBook& book_;
  WireKinds kinds_;
  std::vector<std::vector<std::pair<int, int>>> known_;  // (traffics): kind, label
  std::optional<BusiestWires> busiest_;
};

}  // namespace

Labels label_operations(const Simulation& simulation,
                        const Workload& workload,
                        const Execution& execution) {
  const OpGraph& graph = *simulation.graph;
  Labels result;
  LabelBook book(result.labels);
  std::vector<int> of_segment;
  of_segment.reserve(graph.segments.size());
  for (const Segment& segment : graph.segments) {
    of_segment.push_back(book.index_of({segment.name, segment_shares(segment, simulation)}));
  }
  TrafficLabels traffics(simulation, workload, book);
  result.of.reserve(execution.completions.size());
  for (const Completion& completion : execution.completions) {
    const Node& node = graph.dependencies[static_cast<Vertex>(completion.vertex)];
    const auto index = static_cast<std::size_t>(node.index);
    result.of.push_back(node.work == Node::Work::kSegment
                            ? of_segment[index]
                            : traffics.label(index, completion.held_by));
  }
  return result;
}

}  // namespace towtank
