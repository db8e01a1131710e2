// Builds small op graphs for the engine's tests: segments of a chosen length, traffics of chosen
// flows.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/engine/simulate.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {

/// A graph with its cluster and profile. Links achieve their raw bandwidth and start at once until
/// `cluster` or `profile` are changed: 200 GB/s NVLink, 50 GB/s NIC, no latency, no launch time.
struct GraphMaker {
  explicit GraphMaker(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      graph.ranks.push_back({.rank = rank, .pipeline = rank, .members = 1});
    }
    graph.streams.resize(static_cast<std::size_t>(ranks));
    graph.slots.push_back({});
    cluster = {.name = "test",
               .gpu = "test",
               .nodes = 1,
               .gpus_per_node = ranks,
               .nvlink = {.bandwidth = 200 * GB / second, .latency = Seconds()},
               .nic = {.bandwidth = 50 * GB / second, .latency = Seconds()}};
    profile.gpu = {.name = "test",
                   .sms = 100,
                   .bf16_peak = 1000 * TFLOP / second,
                   .fp8_peak = 2000 * TFLOP / second,
                   .memory_bandwidth = 3 * TB / second,
                   .memory = 80 * GiB};
    profile.fallback.source = "test";
  }

  Vertex add(Node node) {
    const Vertex vertex = boost::add_vertex(node, graph.dependencies);
    graph.streams[static_cast<std::size_t>(node.rank)][static_cast<std::size_t>(node.stream)]
        .push_back(vertex);
    return vertex;
  }

  /// A compute segment of one kernel measured to last `time`.
  Vertex compute(int rank, Seconds time, const std::string& name = "work") {
    const auto number = static_cast<std::int64_t>(graph.segments.size());
    const Op op{.kind = OpKind::kGemm,
                .precision = Precision::kBf16,
                .shape = GemmShape{.m = 128 * (number + 1), .n = 128, .k = 128}};
    profile.points.push_back(
        {.op = op, .sms = profile.gpu.sms, .time = time, .spread = 0.0, .source = "test"});
    graph.segments.push_back({.name = name, .ops = {op}});
    return add({.work = Node::Work::kSegment, .index = static_cast<int>(number), .rank = rank});
  }

  /// Gives the ranks their ports, and every flow without a way of its own the ports at its ends and
  /// its medium's latency. To be called again when the cluster has changed.
  void lay_wires() {
    graph.wires.clear();
    add_ports(cluster, graph);
    for (Traffic& traffic : graph.traffics) {
      for (Flow& flow : traffic.flows) {
        flow.hops = {
            {.wire = port(flow.source, flow.medium, PortSide::kOut), .times = flow.copies},
            {.wire = port(flow.destination, flow.medium, PortSide::kIn), .times = flow.copies}};
        flow.latency = (flow.medium == Medium::kNic ? cluster.nic : cluster.nvlink).latency;
      }
    }
  }

  Vertex transfer(int rank, StreamKind stream, std::vector<Flow> flows, int rendezvous = -1) {
    graph.traffics.push_back(
        {.name = "move", .kind = TransferKind::kDispatch, .flows = std::move(flows)});
    lay_wires();
    return add({.work = Node::Work::kTraffic,
                .index = static_cast<int>(graph.traffics.size()) - 1,
                .rank = rank,
                .stream = stream,
                .rendezvous = rendezvous});
  }

  /// `after` waits for `before`.
  void depend(Vertex before, Vertex after) { boost::add_edge(before, after, graph.dependencies); }

  Simulation simulation() const {
    return {.graph = &graph, .profile = &profile, .communication_sms = 0};
  }

  Timeline run() const { return simulate(simulation()); }

  OpGraph graph;
  Cluster cluster;
  Profile profile;
};

/// A flow over the NIC or NVLink.
inline Flow nic(int source, int destination, Bytes bytes, int copies = 1) {
  return {.source = source,
          .destination = destination,
          .medium = Medium::kNic,
          .bytes = bytes,
          .copies = copies};
}
inline Flow nvlink(int source, int destination, Bytes bytes, int copies = 1) {
  return {.source = source,
          .destination = destination,
          .medium = Medium::kNvlink,
          .bytes = bytes,
          .copies = copies};
}

/// The only event of a rank's stream.
inline Event only_event(const Timeline& timeline,
                        int rank,
                        StreamKind stream = StreamKind::kCompute) {
  std::vector<Event> found;
  for (const Event& event : timeline.events) {
    if (event.rank == rank && event.stream == stream) {
      found.push_back(event);
    }
  }
  return found.size() == 1 ? found.front() : Event{.start = -1.0, .end = -1.0};
}

}  // namespace towtank
