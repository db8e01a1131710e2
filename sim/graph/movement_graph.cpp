#include "sim/graph/movement_graph.hpp"

#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/movement_ways.hpp"
#include "sim/graph/pair_limit.hpp"
#include "sim/graph/ports.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// What makes flows one class. Convoys have no destination.
struct FlowKey {
  int source = 0;
  int destination = -1;
  Medium medium = Medium::kNic;
  double bytes = 0.0;
  Way way;

  friend auto operator<=>(const FlowKey&, const FlowKey&) = default;
};

/// Shares of a wire are counted in 64 bits until a common divisor is found.
struct WideFlow {
  FlowKey key;
  std::int64_t copies = 0;  // that each source sends; of convoys, that there are
};

class GraphBuilder {
 public:
  GraphBuilder(const Cluster& cluster,
               FabricWires* fabric,
               std::span<const GroupMovement> groups,
               Folding folding,
               MovementGraph& result)
      : job_(cluster, fabric, groups),
        result_(result),
        graph_(result.graph),
        ways_(job_, folding, graph_) {
    result_.ranks = job_.ranks();
  }

  void build() {
    graph_.slots.push_back({.rank = 0, .phase = Phase::kOptimizer});
    count_convoys();
    std::vector<bool> seen(graph_.ranks.size(), false);
    for (std::size_t group = 0; group < job_.groups().size(); ++group) {
      // The first of the groups whose members are of the same classes stands for the others.
      const int members = static_cast<int>(job_.groups()[group].members.size());
      if (members > 0 && !seen[at(ways_.sim(group, 0))]) {
        write_group(group);
      }
      for (int member = 0; member < members; ++member) {
        seen[at(ways_.sim(group, member))] = true;
      }
    }
    write_flows();
  }

 private:
  /// Of a group's convoy; all that fill equally much of equal wires are of one class.
  std::tuple<int, std::size_t, FlowKey> convoy_key(std::size_t group,
                                                   std::size_t phase,
                                                   const Convoy& convoy) const {
    Way way = ways_.of_convoy(group, convoy);
    const int first = way.front().first / kPortsOfRank;  // ports come before other wires
    return {job_.groups()[group].kind,
            phase,
            {.source = first,
             .destination = -1,
             .medium = convoy.medium,
             .bytes = convoy.part.si(),
             .way = std::move(way)}};
  }

  void count_convoys() {
    for (std::size_t group = 0; group < job_.groups().size(); ++group) {
      for (std::size_t phase = 0; phase < job_.groups()[group].movement.phases.size(); ++phase) {
        for (const Convoy& convoy : job_.convoys(group, phase)) {
          ++convoys_[convoy_key(group, phase, convoy)];
        }
      }
    }
  }

  void write_group(std::size_t group) {
    const int leader = ways_.sim(group, 0);
    const std::vector<MovementPhase>& phases = job_.groups()[group].movement.phases;
    for (std::size_t phase = 0; phase < phases.size(); ++phase) {
      begin_traffic(leader,
                    StreamKind::kData,
                    {.group = static_cast<int>(group), .phase = static_cast<int>(phase)});
      write_convoys(group, phase);
      write_pairs(group, phases[phase]);
      for (const Exchange& exchange : phases[phase].exchanges) {
        write_exchange(group, exchange);
      }
    }
    if (!job_.groups()[group].movement.host_copies.empty()) {
      begin_traffic(leader,
                    StreamKind::kCompute,  // on which there is nothing else
                    {.group = static_cast<int>(group), .is_host_copies = true});
      write_host_copies(group);
    }
  }

  void begin_traffic(int leader, StreamKind stream, GroupPhase what) {
    const Vertex vertex = boost::add_vertex(Node{.work = Node::Work::kTraffic,
                                                 .index = static_cast<int>(flows_.size()),
                                                 .rank = leader,
                                                 .stream = stream,
                                                 .slot = 0,
                                                 .rendezvous = -1},
                                            graph_.dependencies);
    graph_.streams[at(leader)][static_cast<std::size_t>(stream)].push_back(vertex);
    result_.traffics.push_back(what);
    flows_.emplace_back();
  }

  /// One flow for each class of convoys.
  void write_convoys(std::size_t group, std::size_t phase) {
    for (const Convoy& convoy : job_.convoys(group, phase)) {
      auto key = convoy_key(group, phase, convoy);
      const auto found = convoys_.find(key);
      if (found != convoys_.end()) {
        flows_.back()[std::move(std::get<FlowKey>(key))] = found->second;
        convoys_.erase(found);
      }
    }
  }

  void write_pairs(std::size_t group, const MovementPhase& phase) {
    for (const Delivery& delivery : phase.deliveries) {
      if (delivery.convoy == kByItself && ways_.is_first(group, delivery.from)) {
        add(group, delivery.from, delivery.to, delivery.medium, delivery.bytes, 1);
      }
    }
  }

  /// Flows from a rank to itself.
  void write_host_copies(std::size_t group) {
    for (const HostCopy& copy : job_.groups()[group].movement.host_copies) {
      if (ways_.is_first(group, copy.member)) {
        const int sim = ways_.sim(group, copy.member);
        flows_.back()[{.source = sim,
                       .destination = sim,
                       .medium = Medium::kNic,
                       .bytes = copy.bytes.si(),
                       .way = ways_.of_host_copy(group, copy)}] += 1;
      }
    }
  }

  /// Adds `copies` flows over the way from one member to another.
  void add(std::size_t group, int from, int to, Medium medium, Bytes bytes, std::int64_t copies) {
    flows_.back()[{.source = ways_.sim(group, from),
                   .destination = ways_.sim(group, to),
                   .medium = medium,
                   .bytes = bytes.si(),
                   .way = ways_.between(group, from, to, medium)}] += copies;
    if (static_cast<std::int64_t>(flows_.back().size()) > kMostPairs) {
      refuse_so_many_pairs(job_);
    }
  }

  /// Receivers of an exchange that are reached alike: how many, and one of them.
  struct Reached {
    std::int64_t members = 0;
    int one = 0;
  };
  using Receivers = std::map<std::pair<int, int>, Reached>;  // by wires and class

  void write_exchange(std::size_t group, const Exchange& exchange) {
    const std::vector<Member>& members = job_.groups()[group].members;
    Receivers all;
    std::map<int, std::vector<int>> of_node;
    for (const int from : exchange.members) {
      if (!ways_.is_first(group, from)) {
        continue;
      }
      if (all.empty()) {
        all = receivers(group, exchange);
        for (const int number : exchange.members) {
          of_node[members[at(number)].node].push_back(number);
        }
      }
      Receivers reached = all;
      const bool others = exchange.reach == Exchange::Reach::kOtherNodes;
      for (const int near : others ? of_node.at(members[at(from)].node) : std::vector<int>{from}) {
        --reached.at(how_reached(group, exchange, near)).members;
      }
      for (const auto& [how, receiver] : reached) {
        if (receiver.members > 0) {
          add(group, from, receiver.one, exchange.medium, exchange.bytes, receiver.members);
        }
      }
    }
  }

  std::pair<int, int> how_reached(std::size_t group, const Exchange& exchange, int member) const {
    const bool ways_matter = job_.fabric() != nullptr && exchange.medium == Medium::kNic;
    return {ways_matter ? ways_.receiving(group, exchange, member) : 0, ways_.sim(group, member)};
  }

  Receivers receivers(std::size_t group, const Exchange& exchange) const {
    Receivers all;
    for (const int member : exchange.members) {
      Reached& reached = all[how_reached(group, exchange, member)];
      ++reached.members;
      reached.one = member;
    }
    return all;
  }

  /// Shares of each wire of a class: what all flows of a class put on all its wires, divided among
  /// these.
  std::int64_t times(const WideFlow& flow, const Way::value_type& hop) const {
    const bool is_convoy = flow.key.destination < 0;
    const std::int64_t sources = is_convoy ? 1 : graph_.ranks[at(flow.key.source)].members;
    const std::int64_t wires = graph_.wires[at(hop.first)].members;
    const std::int64_t shares = sources * flow.copies * hop.second;
    check(shares % wires == 0, "wires of one class carry equally many flows");
    return shares / wires;
  }

  template <typename Visit>
  void each_hop(Visit visit) const {
    for (const auto& traffic : flows_) {
      for (const auto& [key, copies] : traffic) {
        const WideFlow flow{.key = key, .copies = copies};
        for (const Way::value_type& hop : key.way) {
          visit(hop.first, times(flow, hop));
        }
      }
    }
  }

  /// Writes the flows down with shares as small as they can be.
  void write_flows() {
    std::vector<std::int64_t> common(graph_.wires.size(), ways_.parts());
    each_hop([&common](int wire, std::int64_t shares) {
      common[at(wire)] = std::gcd(common[at(wire)], shares);
    });
    for (std::size_t wire = 0; wire < common.size(); ++wire) {
      graph_.wires[wire].parts = static_cast<int>(ways_.parts() / common[wire]);
      graph_.wires[wire].capacity *= static_cast<double>(graph_.wires[wire].parts);
    }
    graph_.traffics.reserve(flows_.size());
    for (auto& flows : flows_) {
      Traffic& traffic = graph_.traffics.emplace_back();
      traffic.name = "collective";
      traffic.kind = TransferKind::kAllGather;
      traffic.flows.reserve(flows.size());
      while (!flows.empty()) {
        auto taken = flows.extract(flows.begin());
        traffic.flows.push_back(narrowed({.key = taken.key(), .copies = taken.mapped()}, common));
      }
    }
  }

  Flow narrowed(const WideFlow& wide, const std::vector<std::int64_t>& common) const {
    Flow flow{.source = wide.key.source,
              .destination = wide.key.destination < 0 ? wide.key.source : wide.key.destination,
              .medium = wide.key.medium,
              .bytes = Bytes(wide.key.bytes),
              .copies = static_cast<int>(wide.copies),
              .hops = {}};
    flow.hops.reserve(wide.key.way.size());
    for (const Way::value_type& hop : wide.key.way) {
      const std::int64_t shares = times(wide, hop) / common[at(hop.first)];
      if (shares > std::numeric_limits<int>::max()) {
        throw InputError(job_.cluster().fabric->place,
                         "adaptive routing divides traffic into more parts than can be counted",
                         "fewer --ranks, or routing = \"d-mod-k\" or \"ecmp\"");
      }
      flow.hops.push_back({.wire = hop.first, .times = static_cast<int>(shares)});
    }
    return flow;
  }

  MovementJob job_;
  MovementGraph& result_;
  OpGraph& graph_;
  MovementWays ways_;
  std::map<std::tuple<int, std::size_t, FlowKey>, std::int64_t> convoys_;
  std::vector<std::map<FlowKey, std::int64_t>> flows_;  // (traffics): with their copies
};

}  // namespace

MovementGraph lower_movements(const Cluster& cluster,
                              FabricWires* fabric,
                              std::span<const GroupMovement> groups,
                              Folding folding) {
  MovementGraph result;
  GraphBuilder(cluster, fabric, groups, folding, result).build();
  return result;
}

}  // namespace towtank
