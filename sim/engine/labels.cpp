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

/// Time the busiest port of `medium` would need for the traffic if nothing else were under way.
Seconds lone_time(const WireTraffic& wire, Medium medium, const Cluster& cluster) {
  std::map<std::pair<int, bool>, Bytes> loads;  // (rank, outgoing) -> bytes
  for (const WireFlow& flow : wire.flows) {
    if (flow.medium == medium) {
      loads[{flow.source, true}] += flow.copies * flow.bytes;
      loads[{flow.destination, false}] += flow.copies * flow.bytes;
    }
  }
  Bytes busiest;
  for (const auto& [side, load] : loads) {
    busiest = std::max(busiest, load);
  }
  return busiest / (medium == Medium::kNvlink ? cluster.nvlink : cluster.nic).bandwidth;
}

std::vector<Share> traffic_shares(const Traffic& traffic,
                                  const WireTraffic& wire,
                                  const Simulation& simulation) {
  if (wire.flows.empty()) {
    return {};
  }
  const Seconds nvlink = lone_time(wire, Medium::kNvlink, *simulation.cluster);
  const Seconds nic = lone_time(wire, Medium::kNic, *simulation.cluster);
  const Medium slower = nvlink > nic ? Medium::kNvlink : Medium::kNic;
  return {{.cause = std::string(name(slower)) + " " + std::string(name(traffic.kind)),
           .fraction = 1.0,
           .error = simulation.profile->link(traffic.kind, slower).error}};
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
