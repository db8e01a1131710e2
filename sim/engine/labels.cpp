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

/// The wire that would need longest for the traffic if nothing else were under way.
const Wire* busiest_wire(const Traffic& traffic, const WireTraffic& costed, const OpGraph& graph) {
  std::map<int, Bytes> loads;
  for (std::size_t i = 0; i < traffic.flows.size(); ++i) {
    for (const Hop& hop : traffic.flows[i].hops) {
      loads[hop.wire] += hop.times * costed.flows[i];
    }
  }
  const Wire* busiest = nullptr;
  Seconds longest;
  for (const auto& [index, load] : loads) {
    const Wire& wire = graph.wires[static_cast<std::size_t>(index)];
    const Seconds time = load / wire.capacity;
    if (busiest == nullptr || time > longest) {
      busiest = &wire;
      longest = time;
    }
  }
  return busiest;
}

std::vector<Share> traffic_shares(const Traffic& traffic,
                                  const WireTraffic& costed,
                                  const Simulation& simulation) {
  const Wire* const wire = busiest_wire(traffic, costed, *simulation.graph);
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
  for (std::size_t i = 0; i < graph.traffics.size(); ++i) {
    const Traffic& traffic = graph.traffics[i];
    const auto shares = traffic_shares(traffic, workload.traffics[i], simulation);
    result.of_traffic.push_back(book.index_of({traffic.name, shares}));
  }
  return result;
}

}  // namespace towtank
