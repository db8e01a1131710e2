// The algorithms run on symbolic data: every member ends with what the collective promises, and the
// bytes that this took between every two members are those of the movement.
#include "tests/sim/collective/symbolic_run.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sim/collective/algorithms.hpp"
#include "sim/collective/shapes.hpp"

namespace towtank {
namespace {

constexpr double kBytes = 5040.0;  // divides by all small counts

CollectiveCall call_of(Collective kind, int nodes, int per_node) {
  return {.kind = kind, .bytes = Bytes(kBytes), .members = even_members(nodes, per_node)};
}

void expect_same_pairs(const std::map<std::pair<int, int>, double>& ran,
                       const std::map<std::pair<int, int>, double>& counted) {
  EXPECT_EQ(ran.size(), counted.size());
  for (const auto& [pair, bytes] : ran) {
    const auto found = counted.find(pair);
    ASSERT_NE(found, counted.end()) << pair.first << " -> " << pair.second;
    EXPECT_NEAR(found->second, bytes, 1e-6) << pair.first << " -> " << pair.second;
  }
}

/// Members of a ring that starts at `from` of one node.
std::vector<int> order_from(int from, int members) {
  std::vector<int> order(static_cast<std::size_t>(members));
  for (int i = 0; i < members; ++i) {
    order[static_cast<std::size_t>(i)] = (from + i) % members;
  }
  return order;
}

TEST(RingOnOneNode, AllReduceLeavesEverySumEverywhere) {
  for (int n = 2; n <= 9; ++n) {
    SymbolicRun run = own_contributions(n, n);
    ring_reduce(run, order_from(0, n), 0, kBytes / n);
    ring_gather(run, order_from(0, n), 0, kBytes / n);
    for (const auto& held : run.held) {
      EXPECT_TRUE(std::ranges::all_of(held, [n](Contributions c) { return c == all_of(n); }));
    }
    const CollectiveCall call = call_of(Collective::kAllReduce, 1, n);
    expect_same_pairs(run.sent, pairs_of(movement(Algorithm::kRing, call), call.members));
  }
}

std::size_t block_of(int block) {
  return static_cast<std::size_t>(block);
}

/// One ring a rail: it enters every node at its rail's member and visits the node's others in turn.
/// Movements book a hop between nodes to the card of the rail, on both sides, though the data have
/// gone round the node in between; so does this.
SymbolicRun rings_between_nodes(const CollectiveCall& call, bool gather) {
  const RailLayout layout(call.members);
  const int n = layout.size();
  const int rails_used = layout.rail_count;
  SymbolicRun run = own_contributions(n, n * rails_used);
  const double block = kBytes / n / rails_used;
  for (int rail = 0; rail < rails_used; ++rail) {
    SymbolicRun one = own_contributions(n, n);
    std::vector<int> order;
    std::map<std::pair<int, int>, std::pair<int, int>> booked;
    for (int node = 0; node < layout.node_count(); ++node) {
      const std::vector<int>& on_node = layout.nodes[static_cast<std::size_t>(node)].members;
      const int entry = layout.entry(node, rail);
      const auto start = std::ranges::find(on_node, entry) - on_node.begin();
      for (std::size_t i = 0; i < on_node.size(); ++i) {
        order.push_back(on_node[(static_cast<std::size_t>(start) + i) % on_node.size()]);
      }
    }
    ring_reduce(one, order, 0, block);
    if (gather) {
      ring_gather(one, order, 0, block);
    }
    for (const auto& [pair, bytes] : one.sent) {
      const Member& from = call.members[static_cast<std::size_t>(pair.first)];
      const Member& to = call.members[static_cast<std::size_t>(pair.second)];
      const bool crosses = from.node != to.node;
      run.sent[crosses ? std::pair(layout.entry(from.node, rail), layout.entry(to.node, rail))
                       : pair] += bytes;
    }
    for (int member = 0; member < n; ++member) {
      for (int b = 0; b < n; ++b) {
        run.held[static_cast<std::size_t>(member)][block_of(rail * n + b)] =
            one.held[static_cast<std::size_t>(member)][static_cast<std::size_t>(b)];
      }
    }
  }
  return run;
}

TEST(RingsBetweenNodes, AllReduceLeavesEverySumEverywhereRaggedOrNot) {
  const std::vector<std::vector<Member>> clusters = {even_members(2, 4),
                                                     even_members(3, 2),
                                                     even_members(4, 1),
                                                     // Ragged: 3, 2 and 4 members.
                                                     {{0, 0, 0},
                                                      {1, 0, 1},
                                                      {2, 0, 2},
                                                      {8, 1, 0},
                                                      {9, 1, 1},
                                                      {16, 2, 0},
                                                      {17, 2, 1},
                                                      {18, 2, 2},
                                                      {19, 2, 3}}};
  for (const std::vector<Member>& members : clusters) {
    const CollectiveCall call{
        .kind = Collective::kAllReduce, .bytes = Bytes(kBytes), .members = members};
    const SymbolicRun run = rings_between_nodes(call, true);
    const int n = static_cast<int>(members.size());
    for (const auto& held : run.held) {
      EXPECT_TRUE(std::ranges::all_of(held, [n](Contributions c) { return c == all_of(n); }));
    }
    expect_same_pairs(run.sent, pairs_of(movement(Algorithm::kRing, call), members));
  }
}

TEST(RingsBetweenNodes, ReduceScatterLeavesEverySumOnce) {
  const CollectiveCall call = call_of(Collective::kReduceScatter, 3, 4);
  const SymbolicRun run = rings_between_nodes(call, false);
  for (std::size_t block = 0; block < run.held.front().size(); ++block) {
    EXPECT_EQ(std::ranges::count_if(
                  run.held, [block](const auto& held) { return held[block] == all_of(12); }),
              1);
  }
  expect_same_pairs(run.sent, pairs_of(movement(Algorithm::kRing, call), call.members));
}

/// A broadcast passes all rails' bytes from the root along each ring, not back to it.
TEST(RingBroadcast, GivesEveryMemberAllBytesOnce) {
  for (int root : {0, 5, 7}) {
    CollectiveCall call = call_of(Collective::kBroadcast, 2, 4);
    call.root = root;
    const Movement moved = movement(Algorithm::kRing, call);
    std::vector<double> received(8);
    for (const auto& [pair, bytes] : pairs_of(moved, call.members)) {
      received[static_cast<std::size_t>(pair.second)] += bytes;
    }
    for (int member = 0; member < 8; ++member) {
      EXPECT_NEAR(received[static_cast<std::size_t>(member)], member == root ? 0.0 : kBytes, 1e-9);
    }
  }
}

/// The steps of recursive halving and doubling, each moving what its sender owes the receiver.
void run_gathering(const Movement& moved,
                   std::size_t first,
                   std::size_t last,
                   double block,
                   std::vector<std::vector<bool>>& holds) {
  for (std::size_t step = first; step < last; ++step) {
    const std::vector<std::vector<bool>> before = holds;
    for (const Delivery& delivery : moved.phases[step].deliveries) {
      int owed = 0;
      for (std::size_t b = 0; b < before.size(); ++b) {
        const auto from = static_cast<std::size_t>(delivery.from);
        const auto to = static_cast<std::size_t>(delivery.to);
        if (before[from][b] && !before[to][b]) {
          ++owed;
          holds[to][b] = true;
        }
      }
      EXPECT_NEAR(delivery.bytes.si(), owed * block, 1e-9)
          << "step " << step << ": " << delivery.from << " -> " << delivery.to;
    }
  }
}

TEST(RecursiveDoubling, GathersAllBlocksAndSendsNoneTwice) {
  for (int n = 2; n <= 17; ++n) {
    const CollectiveCall call = call_of(Collective::kAllGather, 1, n);
    const Movement moved = movement(Algorithm::kHalvingDoubling, call);
    std::vector<std::vector<bool>> holds(static_cast<std::size_t>(n),
                                         std::vector<bool>(static_cast<std::size_t>(n)));
    for (std::size_t member = 0; member < holds.size(); ++member) {
      holds[member][member] = true;
    }
    run_gathering(moved, 0, moved.phases.size(), kBytes / n, holds);
    for (const auto& held : holds) {
      EXPECT_EQ(std::ranges::count(held, true), n);
    }
  }
}

TEST(RecursiveHalving, IsDoublingBackwards) {
  for (int n = 2; n <= 17; ++n) {
    const Movement gather =
        movement(Algorithm::kHalvingDoubling, call_of(Collective::kAllGather, 1, n));
    const Movement scatter =
        movement(Algorithm::kHalvingDoubling, call_of(Collective::kReduceScatter, 1, n));
    ASSERT_EQ(gather.phases.size(), scatter.phases.size());
    for (std::size_t step = 0; step < gather.phases.size(); ++step) {
      const auto& forth = gather.phases[step].deliveries;
      const auto& back = scatter.phases[scatter.phases.size() - 1 - step].deliveries;
      ASSERT_EQ(forth.size(), back.size());
      for (std::size_t i = 0; i < forth.size(); ++i) {
        EXPECT_EQ(forth[i].from, back[i].to);
        EXPECT_EQ(forth[i].bytes.si(), back[i].bytes.si());
      }
    }
  }
}

/// Halving: a member keeps the blocks of its half, and gives the partner those of the other.
TEST(HalvingAndDoubling, AllReduceLeavesEverySumEverywhere) {
  for (int n = 2; n <= 17; ++n) {
    const CollectiveCall call = call_of(Collective::kAllReduce, 1, n);
    const Movement moved = movement(Algorithm::kHalvingDoubling, call);
    int core = 1;
    while (core * 2 <= n) {
      core *= 2;
    }
    const double block = kBytes / core;
    SymbolicRun run = own_contributions(n, core);
    for (const MovementPhase& phase : moved.phases) {
      const SymbolicRun before = run;
      for (const Delivery& delivery : phase.deliveries) {
        const int blocks = static_cast<int>(std::lround(delivery.bytes.si() / block));
        // Which blocks: all for those beyond the core; the aligned group of the receiver while
        // sums are made; that of the sender once they are whole.
        const bool whole = before.held[static_cast<std::size_t>(delivery.from)]
                                      [static_cast<std::size_t>(delivery.from % core)] == all_of(n);
        const int owner = whole ? delivery.from : delivery.to;
        const int first = blocks == core ? 0 : owner / blocks * blocks;
        for (int b = first; b < first + blocks; ++b) {
          run.held[static_cast<std::size_t>(delivery.to)][static_cast<std::size_t>(b)] |=
              before.held[static_cast<std::size_t>(delivery.from)][static_cast<std::size_t>(b)];
        }
      }
    }
    for (const auto& held : run.held) {
      EXPECT_TRUE(std::ranges::all_of(held, [n](Contributions c) { return c == all_of(n); })) << n;
    }
  }
}

/// Reduction up a node's chain and the tree of nodes, and back down, rail by rail and tree by tree.
void run_tree(const CollectiveCall& call, const std::vector<Parents>& trees, SymbolicRun& run) {
  const RailLayout layout(call.members);
  const double part = kBytes / layout.rail_count / static_cast<double>(trees.size());
  int block = 0;
  for (const Parents& tree : trees) {
    for (int rail = 0; rail < layout.rail_count; ++rail, ++block) {
      std::vector<std::pair<int, int>> up;  // in an order in which children come first
      for (int node = 0; node < layout.node_count(); ++node) {
        const std::vector<int>& on_node = layout.nodes[static_cast<std::size_t>(node)].members;
        const auto head = static_cast<std::size_t>(
            std::ranges::find(on_node, layout.entry(node, rail)) - on_node.begin());
        for (std::size_t i = on_node.size() - 1; i > 0; --i) {
          up.emplace_back(on_node[(head + i) % on_node.size()],
                          on_node[(head + i - 1) % on_node.size()]);
        }
      }
      std::vector<int> by_height(tree.size());
      std::iota(by_height.begin(), by_height.end(), 0);
      const auto level = [&tree](int node) {
        int edges = 0;
        for (int above = tree[static_cast<std::size_t>(node)]; above >= 0;
             above = tree[static_cast<std::size_t>(above)]) {
          ++edges;
        }
        return edges;
      };
      std::ranges::sort(by_height, [&level](int a, int b) { return level(a) > level(b); });
      for (const int node : by_height) {
        const int parent = tree[static_cast<std::size_t>(node)];
        if (parent >= 0) {
          up.emplace_back(layout.entry(node, rail), layout.entry(parent, rail));
        }
      }
      for (const auto& [from, to] : up) {
        send(run, from, to, block, part);
      }
      std::ranges::reverse(up);
      for (const auto& [from, to] : up) {
        send(run, to, from, block, part);
      }
    }
  }
}

TEST(Trees, AllReduceLeavesEverySumEverywhere) {
  for (int nodes = 1; nodes <= 9; ++nodes) {
    for (int per_node : {1, 3, 4}) {
      for (const Algorithm algorithm : {Algorithm::kTree, Algorithm::kDoubleTree}) {
        const CollectiveCall call = call_of(Collective::kAllReduce, nodes, per_node);
        if (call.members.size() < 2) {
          continue;
        }
        const std::vector<Parents> one = {binary_tree(nodes)};
        const std::vector<Parents> trees = algorithm == Algorithm::kTree ? one : double_tree(nodes);
        const int n = nodes * per_node;
        SymbolicRun run = own_contributions(n, per_node * static_cast<int>(trees.size()));
        run_tree(call, trees, run);
        for (const auto& held : run.held) {
          EXPECT_TRUE(std::ranges::all_of(held, [n](Contributions c) { return c == all_of(n); }));
        }
        expect_same_pairs(run.sent, pairs_of(movement(algorithm, call), call.members));
      }
    }
  }
}

TEST(TwoLevelAllReduce, LeavesEverySumEverywhere) {
  for (int nodes : {2, 3, 5}) {
    for (int local : {2, 3, 4}) {
      const CollectiveCall call = call_of(Collective::kAllReduce, nodes, local);
      const int n = nodes * local;
      // One block for each place and node: place p owns blocks p * nodes ... after the first phase.
      SymbolicRun run = own_contributions(n, local * nodes);
      const double block = kBytes / local / nodes;
      for (int node = 0; node < nodes; ++node) {
        for (int b = 0; b < nodes; ++b) {  // every local ring step moves `nodes` blocks together
          for (int step = 0; step < local - 1; ++step) {
            for (int p = 0; p < local; ++p) {
              const int part = ((p - step) % local + local) % local;
              send(run, node * local + p, node * local + (p + 1) % local, part * nodes + b, block);
            }
          }
        }
      }
      for (int p = 0; p < local; ++p) {
        std::vector<int> rail;
        rail.reserve(static_cast<std::size_t>(nodes));
        for (int node = 0; node < nodes; ++node) {
          rail.push_back(node * local + p);
        }
        const int part = (p + 1) % local;  // whose sum the node has here
        ring_reduce(run, rail, part * nodes, block);
        ring_gather(run, rail, part * nodes, block);
      }
      for (int node = 0; node < nodes; ++node) {
        for (int b = 0; b < nodes; ++b) {
          for (int step = 0; step < local - 1; ++step) {
            for (int p = 0; p < local; ++p) {
              const int part = ((p + 1 - step) % local + local) % local;
              send(run, node * local + p, node * local + (p + 1) % local, part * nodes + b, block);
            }
          }
        }
      }
      for (const auto& held : run.held) {
        EXPECT_TRUE(std::ranges::all_of(held, [n](Contributions c) { return c == all_of(n); }));
      }
      expect_same_pairs(run.sent, pairs_of(movement(Algorithm::kHierarchical, call), call.members));
    }
  }
}

TEST(DirectAllToAll, MovesEveryPairsBytesOnceRaggedOrNot) {
  const std::vector<Member> ragged = {
      {0, 0, 0}, {1, 0, 1}, {2, 0, 2}, {8, 1, 0}, {16, 2, 0}, {17, 2, 1}};
  for (const auto& members : {even_members(1, 5), even_members(3, 4), ragged}) {
    const CollectiveCall call{
        .kind = Collective::kAllToAll, .bytes = Bytes(kBytes), .members = members};
    const auto n = static_cast<double>(members.size());
    const auto pairs = pairs_of(movement(Algorithm::kDirect, call), members);
    EXPECT_EQ(pairs.size(), members.size() * (members.size() - 1));
    for (const auto& [pair, bytes] : pairs) {
      EXPECT_DOUBLE_EQ(bytes, kBytes / n);
    }
  }
}

/// From every member to the local one on the receiver's rail, then along the rail.
TEST(TwoLevelAllToAll, MovesEveryPairsBytesByItsRail) {
  const CollectiveCall call = call_of(Collective::kAllToAll, 3, 4);
  const double pair_bytes = kBytes / 12;
  std::map<std::pair<int, int>, double> sent;
  for (int from = 0; from < 12; ++from) {
    for (int to = 0; to < 12; ++to) {
      const int gateway = from / 4 * 4 + to % 4;
      if (from != to && gateway != from) {
        sent[{from, gateway}] += pair_bytes;
      }
      if (gateway != to) {
        sent[{gateway, to}] += pair_bytes;
      }
    }
  }
  // A member's bytes to itself were passed over; those to the gateway of its own node's places are
  // counted above for every node.
  expect_same_pairs(sent, pairs_of(movement(Algorithm::kHierarchical, call), call.members));
}

}  // namespace
}  // namespace towtank
