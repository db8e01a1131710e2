#include "sim/engine/labels.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

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
std::map<int, Bytes> loads_of(const Traffic& traffic, const WireTraffic& costed) {
  std::map<int, Bytes> loads;
  for (std::size_t i = 0; i < traffic.flows.size(); ++i) {
    for (const Hop& hop : traffic.flows[i].hops) {
      loads[hop.wire] += hop.times * costed.flows[i];
    }
  }
  return loads;
}

/// Which wire limits each traffic, were nothing of another kind under way: of the wires on its own
/// ways, the one that needs longest for all that is moved in such communications in a step.
/// Everybody communicates at about the same time, and a wire of the fabric is full of what others
/// send.
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
      loads_.push_back(loads_of(traffic, workload.traffics[i]));
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

  /// Null for a traffic without flows.
  const Wire* of(std::size_t traffic) const {
    const Traffic& its = graph_.traffics[traffic];
    const std::vector<Seconds>& times = times_.at({its.group, its.kind});
    const Wire* busiest = nullptr;
    Seconds longest;
    for (const auto& [wire, load] : loads_[traffic]) {
      const Seconds time = times[static_cast<std::size_t>(wire)];
      if (busiest == nullptr || time > longest) {
        busiest = &graph_.wires[static_cast<std::size_t>(wire)];
        longest = time;
      }
    }
    return busiest;
  }

 private:
  const OpGraph& graph_;
  std::vector<std::map<int, Bytes>> loads_;                                   // (traffics)
  std::map<std::pair<GroupKind, TransferKind>, std::vector<Seconds>> times_;  // (wires)
};

std::vector<Share> traffic_shares(const Traffic& traffic,
                                  const Wire* wire,
                                  const Simulation& simulation) {
  if (wire == nullptr) {
    return {};
  }
  const std::string where = wire->rank >= 0 ? std::string(name(wire->medium)) : wire->name;
  return {{.cause = where + " " + std::string(name(traffic.kind)),
           .fraction = 1.0,
           .error = simulation.profile->link(traffic.kind, wire->medium).error}};
}

}  // namespace

Labels label_operations(const Simulation& simulation, const Workload& workload) {
  const OpGraph& graph = *simulation.graph;
  Labels result;
  LabelBook book(result.labels);
  for (const Segment& segment : graph.segments) {
    result.of_segment.push_back(book.index_of({segment.name, segment_shares(segment, simulation)}));
  }
  const BusiestWires busiest(graph, workload);
  for (std::size_t i = 0; i < graph.traffics.size(); ++i) {
    const Traffic& traffic = graph.traffics[i];
    const auto shares = traffic_shares(traffic, busiest.of(i), simulation);
    result.of_traffic.push_back(book.index_of({traffic.name, shares}));
  }
  return result;
}

}  // namespace towtank
