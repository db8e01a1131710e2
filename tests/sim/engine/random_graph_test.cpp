// Claims that hold for every graph, tried on seeded random ones.
#include <algorithm>
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "tests/sim/engine/graph_maker.hpp"
#include "tests/sim/engine/reference_execution.hpp"

namespace towtank {
namespace {

constexpr int kGraphs = 200;
/// Seconds, over steps of about 10 ms: rounding of sums, and for SimGrid of 40 flows to whole
/// bytes.
constexpr double kTolerance = 1e-11;
constexpr double kToleranceOfSimGrid = 2e-9;

using Random = std::mt19937;

/// 0 to n - 1. The standard distributions differ between libraries; this does not.
int below(Random& random, int n) {
  return static_cast<int>(random() % static_cast<unsigned>(n));
}

Flow random_flow(Random& random, int source, int ranks) {
  return {.source = source,
          .destination = below(random, ranks),
          .medium = below(random, 2) == 0 ? Medium::kNvlink : Medium::kNic,
          .bytes = (1 + below(random, 40)) * 1.25 * MB,
          .copies = 1 + below(random, 4)};
}

void set_links(GraphMaker& maker, Random& random) {
  maker.cluster.nvlink.latency = below(random, 3) * microsecond;
  maker.cluster.nic.latency = below(random, 10) * microsecond;
  for (auto& media : maker.profile.links) {
    for (LinkEfficiency& link : media) {
      link.alone = 0.5 + 0.05 * below(random, 10);
      link.start_up = below(random, 8) * microsecond;
    }
  }
}

/// Every new operation waits only for older ones, so the graph can finish. Now and then all ranks
/// meet in a collective.
GraphMaker random_graph(unsigned seed) {
  Random random(seed);
  const int ranks = 1 + below(random, 4);
  GraphMaker maker(ranks);
  set_links(maker, random);
  std::vector<Vertex> older;
  for (int step = 0; step < 30; ++step) {
    std::vector<Vertex> fresh;
    const int rank = below(random, ranks);
    const int choice = below(random, 8);
    if (choice == 0) {
      for (int member = 0; member < ranks; ++member) {
        fresh.push_back(
            maker.transfer(member, StreamKind::kData, {random_flow(random, member, ranks)}, step));
      }
    } else if (choice < 4) {
      fresh.push_back(maker.compute(rank, below(random, 500) * microsecond));
    } else {
      std::vector<Flow> flows;
      for (int count = below(random, 4); count > 0; --count) {
        flows.push_back(random_flow(random, rank, ranks));
      }
      const auto stream = static_cast<StreamKind>(1 + below(random, 3));
      fresh.push_back(maker.transfer(rank, stream, flows));
    }
    for (const Vertex vertex : fresh) {
      for (int count = older.empty() ? 0 : below(random, 3); count > 0; --count) {
        maker.depend(older[static_cast<std::size_t>(below(random, static_cast<int>(older.size())))],
                     vertex);
      }
    }
    older.insert(older.end(), fresh.begin(), fresh.end());
  }
  return maker;
}

/// Transfers that never meet: every rank sends one at a time, over NVLink only, to its own
/// successor.
GraphMaker random_graph_without_contention(unsigned seed) {
  Random random(seed);
  const int ranks = 1 + below(random, 4);
  GraphMaker maker(ranks);
  set_links(maker, random);
  std::vector<Vertex> older;
  for (int step = 0; step < 30; ++step) {
    const int rank = below(random, ranks);
    const Flow flow = nvlink(rank, (rank + 1) % ranks, (1 + below(random, 40)) * MB);
    const Vertex vertex = below(random, 2) == 0
                              ? maker.compute(rank, below(random, 500) * microsecond)
                              : maker.transfer(rank, StreamKind::kNext, {flow});
    for (int count = older.empty() ? 0 : below(random, 3); count > 0; --count) {
      maker.depend(older[static_cast<std::size_t>(below(random, static_cast<int>(older.size())))],
                   vertex);
    }
    older.push_back(vertex);
  }
  return maker;
}

/// The events of the k-th operation of each stream, in stream order: vertex -> event.
std::vector<Event> by_vertex(const GraphMaker& maker, const Timeline& timeline) {
  std::vector<Event> events(boost::num_vertices(maker.graph.dependencies));
  std::vector<std::array<std::size_t, kStreamKinds>> next(maker.graph.streams.size());
  for (const Event& event : timeline.events) {
    const auto rank = static_cast<std::size_t>(event.rank);
    const auto stream = static_cast<std::size_t>(event.stream);
    events.at(maker.graph.streams[rank][stream].at(next[rank][stream]++)) = event;
  }
  return events;
}

void expect_events_of_reference(Engine engine, double tolerance) {
  for (unsigned seed = 0; seed < kGraphs; ++seed) {
    const GraphMaker maker = random_graph(seed);
    Simulation simulation = maker.simulation();
    simulation.engine = engine;
    const Timeline timeline = simulate(simulation);
    const ReferenceTimes expected =
        ReferenceExecution(maker.graph, cost_operations(simulation)).run();
    ASSERT_EQ(timeline.events.size(), expected.end.size());
    const std::vector<Event> events = by_vertex(maker, timeline);
    for (std::size_t vertex = 0; vertex < events.size(); ++vertex) {
      ASSERT_NEAR(events[vertex].start, expected.start[vertex], tolerance) << "seed " << seed;
      ASSERT_NEAR(events[vertex].end, expected.end[vertex], tolerance) << "seed " << seed;
    }
  }
}

TEST(RandomGraph, RunsAsTheDefinitionOfFairnessSaysEventByEvent) {
  expect_events_of_reference(Engine::kTowtank, kTolerance);
}

TEST(RandomGraph, RunsOnSimGridAsTheDefinitionSaysToo) {
  expect_events_of_reference(Engine::kSimGrid, kToleranceOfSimGrid);
}

TEST(RandomGraph, IsDeterministicEventByEvent) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const GraphMaker maker = random_graph(seed);
    const Timeline one = maker.run();
    const Timeline two = maker.run();
    ASSERT_EQ(one.events.size(), two.events.size());
    for (std::size_t i = 0; i < one.events.size(); ++i) {
      EXPECT_EQ(one.events[i].label, two.events[i].label);
      EXPECT_EQ(one.events[i].rank, two.events[i].rank);
      EXPECT_EQ(one.events[i].stream, two.events[i].stream);
      EXPECT_EQ(one.events[i].start, two.events[i].start);
      EXPECT_EQ(one.events[i].end, two.events[i].end);
      EXPECT_EQ(one.events[i].cause, two.events[i].cause);
    }
  }
}

TEST(RandomGraph, ConservesBytesAndKeepsLinksWithinTheirCapacity) {
  for (unsigned seed = 0; seed < kGraphs; ++seed) {
    const GraphMaker maker = random_graph(seed);
    const Timeline timeline = maker.run();
    Bytes sent;
    for (const Traffic& traffic : maker.graph.traffics) {
      for (const Flow& flow : traffic.flows) {
        sent += flow.copies * flow.bytes / maker.profile.link(traffic.kind, flow.medium).alone;
      }
    }
    Bytes carried;
    for (const LinkUse& link : timeline.links) {
      carried += link.name.ends_with("out") ? link.carried : Bytes();
      EXPECT_LE(link.carried.si(), (timeline.end * link.capacity).si() * (1 + 1e-9));
    }
    EXPECT_NEAR(carried.si() / sent.si(), 1.0, 1e-12) << "seed " << seed;
  }
}

TEST(RandomGraph, CausesLeadBackToTheBeginningWithoutGaps) {
  for (unsigned seed = 0; seed < kGraphs; ++seed) {
    const Timeline timeline = random_graph(seed).run();
    for (std::size_t i = 0; i < timeline.events.size(); ++i) {
      const Event& event = timeline.events[i];
      if (event.cause < 0) {
        EXPECT_EQ(event.start, 0.0);
        continue;
      }
      ASSERT_LT(static_cast<std::size_t>(event.cause), i);
      EXPECT_EQ(timeline.events[static_cast<std::size_t>(event.cause)].end, event.start);
    }
    EXPECT_TRUE(std::ranges::is_sorted(timeline.events, {}, &Event::end));
  }
}

TEST(RandomGraph, EverythingTwiceAsFastTakesHalfTheTime) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    GraphMaker maker = random_graph(seed);
    const double slow = maker.run().end.si();
    for (GpuLink* link : {&maker.cluster.nvlink, &maker.cluster.nic}) {
      link->bandwidth *= 2.0;
      link->latency *= 0.5;
    }
    maker.lay_wires();
    for (auto& media : maker.profile.links) {
      for (LinkEfficiency& link : media) {
        link.start_up *= 0.5;
      }
    }
    for (MeasuredPoint& point : maker.profile.points) {
      point.time *= 0.5;
    }
    EXPECT_NEAR(maker.run().end.si(), slow / 2, kTolerance) << "seed " << seed;
  }
}

TEST(RandomGraph, WithoutContentionTheEndIsTheLongestPath) {
  for (unsigned seed = 0; seed < kGraphs; ++seed) {
    const GraphMaker maker = random_graph_without_contention(seed);
    const Workload workload = cost_operations(maker.simulation());
    std::vector<double> end(boost::num_vertices(maker.graph.dependencies), 0.0);
    std::vector<double> start = end;
    for (Vertex vertex = 0; vertex < end.size(); ++vertex) {  // older ones come first
      const Node& node = maker.graph.dependencies[vertex];
      for (Vertex earlier = 0; earlier < vertex; ++earlier) {
        const Node& other = maker.graph.dependencies[earlier];
        if ((other.rank == node.rank && other.stream == node.stream) ||
            boost::edge(earlier, vertex, maker.graph.dependencies).second) {
          start[vertex] = std::max(start[vertex], end[earlier]);
        }
      }
      const auto index = static_cast<std::size_t>(node.index);
      const double time = node.work == Node::Work::kSegment
                              ? workload.segments[index].si()
                              : (workload.traffics[index].delay +
                                 workload.traffics[index].flows[0] / maker.cluster.nvlink.bandwidth)
                                    .si();
      end[vertex] = start[vertex] + time;
    }
    EXPECT_NEAR(maker.run().end.si(), *std::ranges::max_element(end), kTolerance)
        << "seed " << seed;
  }
}

// With contention this would be false: a transfer that starts earlier may take bandwidth from one
// that matters more.
TEST(RandomGraph, WithoutContentionMoreBandwidthIsNeverSlower) {
  for (unsigned seed = 0; seed < kGraphs; ++seed) {
    GraphMaker maker = random_graph_without_contention(seed);
    const double before = maker.run().end.si();
    maker.cluster.nvlink.bandwidth *= 1.0 + 0.01 * (seed + 1);
    maker.lay_wires();
    EXPECT_LE(maker.run().end.si(), before + 1e-12) << "seed " << seed;
  }
}

}  // namespace
}  // namespace towtank
