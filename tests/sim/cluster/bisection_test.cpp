// Bisection bandwidth, held against the least cut over all halvings, found by maximum flow.
#include "sim/cluster/bisection.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <queue>

#include <gtest/gtest.h>

#include "sim/cluster/topology_summary.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

/// The network of a fabric (cards and switches) in units of a card's bandwidth.
struct FlowNetwork {
  struct Arc {
    std::size_t to = 0;
    double left = 0.0;
    std::size_t back = 0;
  };
  std::vector<std::vector<Arc>> arcs;

  explicit FlowNetwork(std::size_t vertices) : arcs(vertices) {}

  void add(std::size_t from, std::size_t to, double capacity) {
    arcs[from].push_back({to, capacity, arcs[to].size()});
    arcs[to].push_back({from, 0.0, arcs[from].size() - 1});
  }

  /// Edmonds and Karp, 1972.
  double most(std::size_t source, std::size_t sink) {
    double flow = 0.0;
    for (;;) {
      std::vector<std::pair<std::size_t, std::size_t>> came(arcs.size(), {arcs.size(), 0});
      std::queue<std::size_t> queue;
      queue.push(source);
      came[source] = {source, 0};
      while (!queue.empty() && came[sink].first == arcs.size()) {
        const std::size_t at = queue.front();
        queue.pop();
        for (std::size_t i = 0; i < arcs[at].size(); ++i) {
          const Arc& arc = arcs[at][i];
          if (arc.left > 1e-9 && came[arc.to].first == arcs.size()) {
            came[arc.to] = {at, i};
            queue.push(arc.to);
          }
        }
      }
      if (came[sink].first == arcs.size()) {
        return flow;
      }
      double room = std::numeric_limits<double>::infinity();
      for (std::size_t at = sink; at != source; at = came[at].first) {
        room = std::min(room, arcs[came[at].first][came[at].second].left);
      }
      for (std::size_t at = sink; at != source; at = came[at].first) {
        Arc& arc = arcs[came[at].first][came[at].second];
        arc.left -= room;
        arcs[at][arc.back].left += room;
      }
      flow += room;
    }
  }
};

double least_cut(const Fabric& fabric, std::uint32_t half) {
  const DeviceId first = fabric.node.first_nic;
  const std::size_t vertices = fabric.devices() - first;
  FlowNetwork network(vertices + 2);
  for (DeviceId at = first; at < fabric.devices(); ++at) {
    const LinkId begin = fabric.first_link(at);
    for (LinkId link = begin; link < begin + fabric.ports(at); ++link) {
      if (fabric.head(link) >= first) {
        network.add(at - first,
                    fabric.head(link) - first,
                    fabric.link(link).bandwidth / fabric.size.nic.bandwidth);
      }
    }
  }
  for (std::size_t card = 0; card < fabric.endpoints.size(); ++card) {
    const bool sends = ((half >> card) & 1U) != 0;
    network.add(sends ? vertices : card, sends ? card : vertices + 1, 1e9);
  }
  return network.most(vertices, vertices + 1);
}

/// Over all ways to halve the cards; at most some 14 cards.
double least_cut_of_halves(const Fabric& fabric) {
  const auto cards = static_cast<int>(fabric.endpoints.size());
  double least = std::numeric_limits<double>::infinity();
  for (std::uint32_t half = 0; half < (1U << static_cast<unsigned>(cards)); ++half) {
    if (__builtin_popcount(half) == cards / 2 && (cards % 2 != 0 || (half & 1U) != 0)) {
      least = std::min(least, least_cut(fabric, half));
    }
  }
  return least;
}

double formula(const Fabric& fabric) {
  return bisection(fabric).bandwidth / fabric.size.nic.bandwidth;
}

TEST(Bisection, OfFatTreesIsTheLeastCut) {
  struct Case {
    int cards;
    int radix;
    double leaf;
    double spine;
  };
  for (const Case& one : {Case{8, 4, 1, 1},
                          Case{7, 4, 1, 1},
                          Case{11, 4, 1, 1},
                          Case{12, 6, 2, 1},
                          Case{9, 6, 2, 1},
                          Case{10, 6, 2, 2},
                          Case{12, 8, 3, 1},
                          Case{11, 8, 3, 3},
                          Case{10, 4, 1, 1},
                          Case{12, 6, 2, 2}}) {
    const Fabric fabric = make_fabric({.kind = FabricKind::kFatTree,
                                       .tiers = 3,
                                       .radix = one.radix,
                                       .oversubscription = {one.leaf, one.spine}},
                                      cluster_size(one.cards, 1));
    EXPECT_NEAR(formula(fabric), least_cut_of_halves(fabric), 1e-6)
        << one.cards << " cards, radix " << one.radix << ", " << one.leaf << ":1, " << one.spine
        << ":1";
  }
}

TEST(Bisection, OfRailsWithARaggedGroupIsTheLeastCut) {
  for (const int nodes : {3, 4, 5, 6}) {
    const Fabric fabric = make_fabric(
        {.kind = FabricKind::kRailOptimised, .tiers = 2, .radix = 6, .oversubscription = {2.0}},
        cluster_size(nodes, 2));
    EXPECT_NEAR(formula(fabric), least_cut_of_halves(fabric), 1e-6) << nodes;
  }
}

TEST(Bisection, OfToriIsTheLeastCut) {
  for (const std::vector<int>& sizes : std::vector<std::vector<int>>{
           {4}, {5}, {4, 3}, {3, 3}, {2, 3}, {2, 2, 3}, {4, 2}, {3, 2, 2}, {1, 6}, {2, 5}}) {
    int switches = 1;
    for (const int size : sizes) {
      switches *= size;
    }
    // Fast cards, so that only links between switches are cut.
    FabricSize size = cluster_size(switches, 1);
    size.nic.bandwidth *= 100.0;
    const Fabric fabric = make_fabric(
        {.kind = FabricKind::kTorus, .link_bandwidth = 50 * GB / second, .torus = {.sizes = sizes}},
        size);
    EXPECT_NEAR(formula(fabric) * 100.0, least_cut_of_halves(fabric) * 100.0, 1e-6)
        << testing::PrintToString(sizes);
  }
}

TEST(Bisection, OfPlanesIsTheSumOfTheirs) {
  const Fabric one = make_fabric({.kind = FabricKind::kFatTree, .radix = 8}, cluster_size(24, 1));
  const Fabric four =
      make_fabric({.kind = FabricKind::kMultiPlane, .radix = 8, .planes = 4}, cluster_size(24, 4));
  EXPECT_DOUBLE_EQ(formula(four), 4.0 * formula(one));
}

TEST(Bisection, FoundBySearchIsNeverBelowTheLeastCut) {
  FabricSize size = cluster_size(12, 1);
  size.nic.bandwidth *= 100.0;
  const Fabric fabric =
      make_fabric({.kind = FabricKind::kDragonfly,
                   .link_bandwidth = 50 * GB / second,
                   .dragonfly = {.endpoints = 1, .switches = 3, .global = 1, .groups = 4}},
                  size);
  const Bisection found = bisection(fabric);
  EXPECT_FALSE(found.exact);
  EXPECT_GE(formula(fabric), least_cut_of_halves(fabric) - 1e-6);
  EXPECT_NEAR(formula(fabric), least_cut_of_halves(fabric), 1e-6);  // here it finds the best
}

TEST(Bisection, OfPublishedFatTreesIsFull) {
  for (const PublishedNetwork& network : published_networks()) {
    const Fabric fabric = make_fabric(network.spec, cluster_size(network.nodes, 8));
    if (std::holds_alternative<TreeNetwork>(fabric.network)) {
      EXPECT_DOUBLE_EQ(formula(fabric), static_cast<double>(network.endpoints) / 2.0)
          << network.name;
    }
  }
}

}  // namespace
}  // namespace towtank
