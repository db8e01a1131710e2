// What a simulated step may not do: lose or invent bytes, put more on a wire than it carries, end
// sooner than its busiest wire or its longest chain allows, or get faster on a slower network.
// Generated plans on generated fabrics, every rank by itself. Loads of wires are found again here
// from the router's ways between GPUs, without the graph's hops.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/cluster/router.hpp"
#include "sim/engine/execute.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/ports.hpp"
#include "sim/plan/dispatch_bytes.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {
namespace {

constexpr double kRounding = 1e-9;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// A plan on a small fabric, some of whose GPUs, ports and cables are slow.
SmallStep random_step(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  Degrees degrees{.pipeline = pick(std::array{2, 4}), .data = pick(std::array{4, 8})};
  degrees.expert = std::min(pick(std::array{2, 4, 8}), degrees.data);
  degrees.context = pick(std::array{1, 1, 2});
  SmallStep step = small_step(pick(all_schedule_kinds()), degrees);
  step.plan.blocking_pipeline = pick(std::array{true, false});
  step.plan.zero_stage = pick(std::array{0, 1});
  if (pick(std::array{false, true})) {
    step.plan.expert_plan.load = ZipfLoad{.exponent = 0.2, .seed = seed};
  }
  const int faulty = std::uniform_int_distribution<int>(0, step.plan.ranks() - 1)(random);
  step.cluster.faults = {{.gpu = faulty,
                          .slowdown = pick(std::array{1.0, 1.5}),
                          .nvlink = pick(std::array{1.0, 0.5}),
                          .nic = pick(std::array{1.0, 0.25})}};
  FabricSpec fabric;
  fabric.kind =
      pick(std::array{FabricKind::kFatTree, FabricKind::kRailOptimised, FabricKind::kTorus});
  fabric.cross_rail = CrossRail::kSpine;
  fabric.routing = pick(std::array{
      RoutingRule::kShortest, RoutingRule::kDModK, RoutingRule::kEcmp, RoutingRule::kAdaptive});
  fabric.tiers = fabric.routing == RoutingRule::kAdaptive ? 2 : pick(std::array{2, 3});
  fabric.radix = pick(std::array{4, 6, 8});
  fabric.oversubscription = {pick(std::array{1.0, 2.0, 3.0})};
  fabric.seed = seed;
  fabric.link_latency = 0.5 * microsecond;
  fabric.switch_latency = 0.3 * microsecond;
  if (fabric.kind == FabricKind::kTorus) {
    fabric.torus = {.sizes = {2, 2, 2}, .endpoints = 4};
    fabric.routing = RoutingRule::kShortest;
  } else if (pick(std::array{false, true})) {
    fabric.faults = {{.devices = {"leaf0", "spine0"}, .factor = 0.5}};
  }
  step.cluster.fabric = fabric;
  return step;
}

/// A step of which every rank is simulated, and what the engine made of it.
struct ExecutedStep {
  explicit ExecutedStep(SmallStep of)
      : step(std::move(of)),
        job(step.lay_out(Folding::kUnfolded)),
        graph(lower_training_step(job)),
        profile(datasheet_profile()),
        workload(
            cost_operations({.graph = &graph, .profile = &profile, .communication_sms = kSms})),
        execution(execute(graph, workload)) {}
  ExecutedStep(const ExecutedStep&) = delete;  // its members refer to each other
  ExecutedStep& operator=(const ExecutedStep&) = delete;

  static constexpr int kSms = 20;

  double end() const {
    double last = 0.0;
    for (const Completion& completion : execution.completions) {
      last = std::max(last, completion.end);
    }
    return last;
  }
  const Node& node(const Completion& completion) const {
    return graph.dependencies[static_cast<Vertex>(completion.vertex)];
  }
  /// The flows that an operation sends by itself; null for a segment and for who is led.
  const Traffic* sent_by(const Node& operation) const {
    if (operation.work != Node::Work::kTraffic) {
      return nullptr;
    }
    const Traffic& traffic = graph.traffics[at(operation.index)];
    return traffic.led_by_another || traffic.flows.empty() ? nullptr : &traffic;
  }

  SmallStep step;
  JobLayout job;
  OpGraph graph;
  Profile profile;
  Workload workload;
  Execution execution;
};

/// Bytes from one rank to another.
struct Transfer {
  int from = 0;
  int to = 0;
  Medium medium = Medium::kNic;
  double bytes = 0.0;
};

/// The members of a replica group, found again from the plan: where the rank is in it does not
/// matter.
std::vector<int> replicas(const ExecutedStep& run, GroupKind kind, int rank) {
  const TrainingPlan& plan = run.step.plan;
  const int own = rank / plan.data;
  std::set<int> hosts = {own};
  if (plan.schedule == ScheduleKind::kDualPipe) {
    hosts.insert(plan.pipeline - 1 - own);
  }
  const int stride = kind == GroupKind::kDenseReplicas ? 1 : plan.expert;
  std::vector<int> members;
  for (const int host : hosts) {
    for (int place = rank % stride; place < plan.data; place += stride) {
      members.push_back(host * plan.data + place);
    }
  }
  return members;
}

/// What a convoy of rings stands for: every member sends to the next of its node, and its rail's to
/// the same rail of the next node.
std::vector<Transfer> around(const std::vector<int>& members,
                             int per_node,
                             Medium medium,
                             double bytes) {
  std::map<int, std::vector<int>> nodes;
  for (const int member : members) {
    nodes[member / per_node].push_back(member);
  }
  std::vector<Transfer> transfers;
  for (auto node = nodes.begin(); node != nodes.end(); ++node) {
    const auto next = std::next(node) == nodes.end() ? nodes.begin() : std::next(node);
    const std::vector<int>& here = node->second;
    for (std::size_t place = 0; place < here.size(); ++place) {
      const int to =
          medium == Medium::kNvlink ? here[(place + 1) % here.size()] : next->second[place];
      transfers.push_back({.from = here[place], .to = to, .medium = medium, .bytes = bytes});
    }
  }
  return transfers;
}

/// All that is sent in a step, between ranks.
std::vector<Transfer> transfers_of(const ExecutedStep& run) {
  std::vector<Transfer> all;
  for (const Completion& completion : run.execution.completions) {
    const Node& node = run.node(completion);
    const Traffic* traffic = run.sent_by(node);
    for (std::size_t i = 0; traffic != nullptr && i < traffic->flows.size(); ++i) {
      const Flow& flow = traffic->flows[i];
      const double bytes = flow.copies * run.workload.traffics[at(node.index)].flows[i].si();
      const int from = run.graph.ranks[at(flow.source)].rank;
      const bool is_ring = traffic->group == GroupKind::kDenseReplicas ||
                           traffic->group == GroupKind::kExpertReplicas;
      if (!is_ring) {
        all.push_back({.from = from,
                       .to = run.graph.ranks[at(flow.destination)].rank,
                       .medium = flow.medium,
                       .bytes = bytes});
        continue;
      }
      for (const Transfer& transfer : around(replicas(run, traffic->group, from),
                                             run.step.cluster.gpus_per_node,
                                             flow.medium,
                                             bytes)) {
        all.push_back(transfer);
      }
    }
  }
  return all;
}

using Loads = std::map<std::string, std::vector<double>>;  // of the wires of a name, ascending

void sort_out(Loads& loads) {
  for (auto& [name, of_name] : loads) {
    std::erase(of_name, 0.0);
    std::ranges::sort(of_name);
  }
  std::erase_if(loads, [](const auto& entry) { return entry.second.empty(); });
}

/// What each link between switches carries, by the ways of a router of its own. Links that
/// adaptive routing keeps equally full are one wire: those between a leaf and all spines.
Loads routed_loads(const ExecutedStep& run) {
  const Cluster& cluster = run.step.cluster;
  const Fabric fabric = make_fabric(
      *cluster.fabric,
      {.nodes = cluster.nodes,
       .gpus_per_node = cluster.gpus_per_node,
       .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
       .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency}});
  const Router router(fabric);
  const bool bundled = cluster.fabric->routing == RoutingRule::kAdaptive;
  std::map<std::pair<int, int>, double> between;  // ranks
  for (const Transfer& transfer : transfers_of(run)) {
    if (transfer.medium == Medium::kNic) {
      between[{transfer.from, transfer.to}] += transfer.bytes;
    }
  }
  std::map<std::pair<std::string, DeviceId>, double> bundles;
  std::map<LinkId, double> links;
  std::vector<Crossing> way;
  for (const auto& [pair, bytes] : between) {
    way.clear();
    router.route(pair.first, pair.second, Medium::kNic, way);
    for (const Crossing& crossing : way) {
      const DeviceId tail = fabric.tail(crossing.link);
      const DeviceId head = fabric.head(crossing.link);
      if (fabric.kind(tail) < DeviceKind::kLeaf || fabric.kind(head) < DeviceKind::kLeaf) {
        continue;
      }
      links[crossing.link] += crossing.share * bytes;
      const bool up = fabric.kind(tail) == DeviceKind::kLeaf;
      bundles[{up ? "leaf up" : "leaf down", up ? tail : head}] += crossing.share * bytes;
    }
  }
  Loads loads;
  for (const auto& [bundle, bytes] : bundles) {
    if (bundled) {
      loads[bundle.first].push_back(bytes);
    }
  }
  for (const auto& [link, bytes] : links) {
    if (!bundled) {
      loads[std::string(name(fabric.kind(fabric.tail(link)))) + " to " +
            std::string(name(fabric.kind(fabric.head(link))))]
          .push_back(bytes);
    }
  }
  sort_out(loads);
  return loads;
}

/// What the engine says its wires between switches carried.
Loads simulated_loads(const ExecutedStep& run) {
  Loads loads;
  for (std::size_t i = 0; i < run.graph.wires.size(); ++i) {
    const Wire& wire = run.graph.wires[i];
    if (wire.rank < 0) {
      loads[wire.name].push_back(run.execution.carried[i] / wire.parts);
    }
  }
  sort_out(loads);
  return loads;
}

void expect_alike(const Loads& simulated, const Loads& routed) {
  ASSERT_EQ(simulated.size(), routed.size());
  for (const auto& [name, expected] : routed) {
    const auto found = simulated.find(name);
    ASSERT_NE(found, simulated.end()) << name;
    ASSERT_EQ(found->second.size(), expected.size()) << name;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(found->second[i], expected[i], kRounding * expected[i]) << name;
    }
  }
}

/// While a wire is crossed: from, to, and bytes.
struct Use {
  double from = 0.0;
  double to = 0.0;
  double bytes = 0.0;
};

/// (wires) of an executed step, in the order of their ends.
std::vector<std::vector<Use>> uses_of_wires(const ExecutedStep& run) {
  std::vector<std::vector<Use>> uses(run.graph.wires.size());
  for (const Completion& completion : run.execution.completions) {
    const Node& node = run.node(completion);
    const Traffic* traffic = run.sent_by(node);
    if (traffic == nullptr) {
      continue;
    }
    const WireTraffic& costed = run.workload.traffics[at(node.index)];
    for (std::size_t i = 0; i < traffic->flows.size(); ++i) {
      for (const Hop& hop : traffic->flows[i].hops) {
        uses[at(hop.wire)].push_back({.from = completion.start + costed.delay.si(),
                                      .to = completion.end,
                                      .bytes = hop.times * costed.flows[i].si()});
      }
    }
  }
  return uses;
}

/// How long at least one of the uses lasts.
double busy_time(std::vector<Use> uses) {
  std::ranges::sort(uses, {}, &Use::from);
  double busy = 0.0;
  double until = 0.0;
  for (const Use& use : uses) {
    busy += std::max(use.to - std::max(use.from, until), 0.0);
    until = std::max(until, use.to);
  }
  return busy;
}

/// The longest chain of operations that wait for each other, were each alone in the cluster: a
/// segment takes its kernels, a communication its delay and its flows at the capacity of what they
/// cross. Members of a rendezvous start and end together.
class LongestChain {
 public:
  explicit LongestChain(const ExecutedStep& run) : run_(run) {
    const auto vertices = boost::num_vertices(run.graph.dependencies);
    units_.resize(vertices);
    std::map<int, std::size_t> meetings;
    for (Vertex vertex = 0; vertex < vertices; ++vertex) {
      const int rendezvous = run.graph.dependencies[vertex].rendezvous;
      unit_.push_back(rendezvous < 0 ? vertex
                                     : meetings.try_emplace(rendezvous, vertex).first->second);
      Unit& unit = units_[unit_.back()];
      unit.alone = std::max(unit.alone, alone(run.graph.dependencies[vertex]));
      unit.exists = true;
    }
    for (const auto& edge : boost::make_iterator_range(boost::edges(run.graph.dependencies))) {
      wait(boost::source(edge, run.graph.dependencies),
           boost::target(edge, run.graph.dependencies));
    }
    for (const auto& streams : run.graph.streams) {
      for (const std::vector<Vertex>& stream : streams) {
        for (std::size_t i = 1; i < stream.size(); ++i) {
          wait(stream[i - 1], stream[i]);
        }
      }
    }
  }

  double length() {
    std::vector<std::size_t> ready;
    std::size_t left = 0;
    for (std::size_t unit = 0; unit < units_.size(); ++unit) {
      left += units_[unit].exists ? 1 : 0;
      if (units_[unit].exists && units_[unit].before == 0) {
        ready.push_back(unit);
      }
    }
    double longest = 0.0;
    while (!ready.empty()) {
      const Unit& unit = units_[ready.back()];
      ready.pop_back();
      --left;
      const double end = unit.start + unit.alone;
      longest = std::max(longest, end);
      for (const std::size_t next : unit.after) {
        units_[next].start = std::max(units_[next].start, end);
        if (--units_[next].before == 0) {
          ready.push_back(next);
        }
      }
    }
    EXPECT_EQ(left, 0U);
    return longest;
  }

 private:
  struct Unit {
    bool exists = false;
    double alone = 0.0;
    double start = 0.0;
    int before = 0;
    std::vector<std::size_t> after;
  };

  double alone(const Node& node) const {
    if (node.work == Node::Work::kSegment) {
      return run_.workload.segments[at(node.index)].si() * run_.graph.ranks[at(node.rank)].slowdown;
    }
    const Traffic& traffic = run_.graph.traffics[at(node.index)];
    const WireTraffic& costed = run_.workload.traffics[at(node.index)];
    std::map<int, double> loads;
    for (std::size_t i = 0; i < traffic.flows.size(); ++i) {
      for (const Hop& hop : traffic.flows[i].hops) {
        loads[hop.wire] += hop.times * costed.flows[i].si();
      }
    }
    double moving = 0.0;
    for (const auto& [wire, load] : loads) {
      moving = std::max(moving, load / run_.graph.wires[at(wire)].capacity.si());
    }
    return traffic.flows.empty() ? 0.0 : costed.delay.si() + moving;
  }

  void wait(Vertex before, Vertex after) {
    if (unit_[before] != unit_[after]) {
      units_[unit_[before]].after.push_back(unit_[after]);
      ++units_[unit_[after]].before;
    }
  }

  const ExecutedStep& run_;
  std::vector<std::size_t> unit_;  // (vertices)
  std::vector<Unit> units_;
};

class Conservation : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr unsigned kBlock = 8;

  /// Calls `claim` with the steps of a block of seeds that can be built.
  template <typename Claim>
  void for_each_step(Claim claim) {
    int built = 0;
    for (unsigned seed = GetParam() * kBlock; seed < (GetParam() + 1) * kBlock; ++seed) {
      const SmallStep step = random_step(seed);
      SCOPED_TRACE(fmt::format("seed {}: {}, {}, {}",
                               seed,
                               step.text(),
                               name(step.cluster.fabric->kind),
                               name(step.cluster.fabric->routing)));
      try {
        const ExecutedStep run(step);
        claim(run);
        ++built;
      } catch (const InputError&) {
        continue;  // too many nodes for so few ports, or traffic that divides into no whole parts
      }
      if (HasFailure()) {
        return;
      }
    }
    EXPECT_GT(built, 0);
  }
};

TEST_P(Conservation, EveryWireCarriesWhatTheRouterSendsOverIt) {
  for_each_step(
      [](const ExecutedStep& run) { expect_alike(simulated_loads(run), routed_loads(run)); });
}

TEST_P(Conservation, WhatLeavesAPortIsWhatItsRankSendsAndWhatComesInWhatOthersSendIt) {
  for_each_step([](const ExecutedStep& run) {
    std::vector<double> expected(run.graph.ranks.size() * kPortsOfRank, 0.0);
    double sent = 0.0;
    for (const Transfer& transfer : transfers_of(run)) {
      expected[at(port(transfer.from, transfer.medium, PortSide::kOut))] += transfer.bytes;
      expected[at(port(transfer.to, transfer.medium, PortSide::kIn))] += transfer.bytes;
      sent += transfer.bytes;
    }
    double out = 0.0;
    double in = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double carried = run.execution.carried[i] / run.graph.wires[i].parts;
      EXPECT_NEAR(carried, expected[i], kRounding * expected[i]) << run.graph.wires[i].name;
      (i % 2 == 0 ? out : in) += carried;
    }
    EXPECT_NEAR(out, sent, kRounding * sent);
    EXPECT_NEAR(in, sent, kRounding * sent);
  });
}

// Token by token: each copy that goes out comes back the same way, in BF16.
TEST_P(Conservation, EveryDispatchedCopyComesBack) {
  for_each_step([](const ExecutedStep& run) {
    std::map<std::array<int, 3>, double> out;   // from, to, medium
    std::map<std::array<int, 3>, double> back;  // likewise, from where it went
    for (const Completion& completion : run.execution.completions) {
      const Traffic* traffic = run.sent_by(run.node(completion));
      if (traffic == nullptr || traffic->group != GroupKind::kExperts) {
        continue;
      }
      for (const Flow& flow : traffic->flows) {
        const int medium = static_cast<int>(flow.medium);
        if (traffic->kind == TransferKind::kDispatch) {
          out[{flow.source, flow.destination, medium}] += flow.bytes.si();
        } else {
          back[{flow.destination, flow.source, medium}] += flow.bytes.si();
        }
      }
    }
    const double ratio = combined_copy(run.step.model.hidden) /
                         dispatched_copy(run.step.plan.recipe, run.step.model.hidden);
    ASSERT_EQ(out.size(), back.size());
    for (const auto& [pair, bytes] : out) {
      ASSERT_NEAR(back.at(pair), ratio * bytes, kRounding * bytes);
    }
  });
}

TEST_P(Conservation, NoWireCarriesMoreThanItsCapacityOverAnyTime) {
  for_each_step([](const ExecutedStep& run) {
    std::mt19937 random(1);
    const std::vector<std::vector<Use>> uses = uses_of_wires(run);
    for (std::size_t i = 0; i < uses.size(); ++i) {
      const double capacity = run.graph.wires[i].capacity.si() * (1.0 + kRounding);
      const double carried = run.execution.carried[i];
      EXPECT_LE(carried, capacity * run.end());
      EXPECT_LE(carried, capacity * busy_time(uses[i]));
      double sum = 0.0;
      for (const Use& use : uses[i]) {
        sum += use.bytes;
      }
      EXPECT_NEAR(carried, sum, kRounding * sum);
      constexpr int kSpans = 20;
      for (int span = 0; !uses[i].empty() && span < kSpans; ++span) {
        std::uniform_int_distribution<std::size_t> any(0, uses[i].size() - 1);
        const double from = uses[i][any(random)].from;
        const double to = uses[i][any(random)].to;
        double inside = 0.0;
        for (const Use& use : uses[i]) {
          inside += use.from >= from && use.to <= to ? use.bytes : 0.0;
        }
        EXPECT_LE(inside, capacity * std::max(to - from, 0.0) + 1.0);
      }
    }
  });
}

TEST_P(Conservation, NoStepBeatsItsBusiestWireOrItsLongestChain) {
  for_each_step([](const ExecutedStep& run) {
    double busiest = 0.0;
    for (std::size_t i = 0; i < run.graph.wires.size(); ++i) {
      busiest = std::max(busiest, run.execution.carried[i] / run.graph.wires[i].capacity.si());
    }
    const double end = run.end() * (1.0 + kRounding);
    EXPECT_GE(end, busiest);
    const double longest = LongestChain(run).length();
    EXPECT_GE(end, longest);
    EXPECT_GE(longest, 0.1 * end);  // the bound says something
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, Conservation, testing::Range(0U, 20U));

/// One GPU a stage, a node each: forward chunks all go before backward ones, so that no port ever
/// carries two transfers.
SmallStep uncontended_step(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](auto choices) {
    return choices[std::uniform_int_distribution<std::size_t>(0, choices.size() - 1)(random)];
  };
  SmallStep step = small_step(ScheduleKind::kGpipe, {.pipeline = pick(std::array{2, 3, 4, 8})});
  step.plan.batch = pick(std::array<std::int64_t, 3>{2, 5, 16});
  step.plan.blocking_pipeline = pick(std::array{true, false});
  step.cluster.nodes = step.plan.pipeline;
  step.cluster.gpus_per_node = 1;
  step.cluster.nic.bandwidth = pick(std::array{0.5, 5.0, 50.0}) * GB / second;
  step.cluster.nic.latency = pick(std::array{1.0, 10.0, 100.0}) * microsecond;
  return step;
}

/// The step's time with `bytes` as many bytes in each transfer.
double time_of(const SmallStep& step, double bytes = 1.0) {
  OpGraph graph = step.lower(Folding::kUnfolded);
  for (Traffic& traffic : graph.traffics) {
    for (Flow& flow : traffic.flows) {
      flow.bytes *= bytes;
    }
  }
  const Profile profile = datasheet_profile();
  return simulate(Simulation{.graph = &graph, .profile = &profile, .communication_sms = 20})
      .end.si();
}

TEST(Monotone, UncontendedStepsAreFasterOnFasterNetworksAndSlowerWithMoreToSend) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SmallStep step = uncontended_step(seed);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step.text()));
    const double before = time_of(step);
    EXPECT_GT(time_of(step, 1.5), before);
    EXPECT_LT(time_of(step, 0.5), before);
    step.cluster.nic.bandwidth *= 1.25;
    const double faster = time_of(step);
    EXPECT_LT(faster, before);
    step.cluster.nic.latency += 1.0 * microsecond;
    EXPECT_GT(time_of(step), faster);
    // Twice the bandwidth for twice the bytes is the same.
    step.cluster.nic.latency -= 1.0 * microsecond;
    step.cluster.nic.bandwidth *= 2.0;
    EXPECT_NEAR(time_of(step, 2.0), faster, kRounding * faster);
  }
}

// Where nothing contends the bound is the time.
TEST(Monotone, AnUncontendedStepIsAsLongAsItsLongestChain) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    const ExecutedStep run(uncontended_step(seed));
    EXPECT_NEAR(run.end(), LongestChain(run).length(), kRounding * run.end());
  }
}

}  // namespace
}  // namespace towtank
