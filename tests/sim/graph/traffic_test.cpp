// Bytes of every communication, from the shape of its group.
#include "sim/graph/traffic.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/graph/ports.hpp"
#include "sim/graph/replica_collectives.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/plan/group_layout.hpp"
#include "tests/sim/collective/costs_maker.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

/// What a step's traffics are made with, folded and not.
class Maker {
 public:
  Maker(const SmallStep& step, Folding folding, const Profile& profile = datasheet())
      : step_(step), job_(step_.lay_out(folding, profile)) {
    for (std::size_t i = 0; i < job_.classes.ranks.members.size(); ++i) {
      graph_.ranks.push_back({.rank = job_.classes.ranks.representatives[i],
                              .members = job_.classes.ranks.members[i]});
    }
    add_ports(step_.cluster, graph_);
    traffic_.emplace(job_, graph_);
  }
  Maker(const Maker&) = delete;  // the maker of traffics refers to its neighbours
  Maker& operator=(const Maker&) = delete;

  const TrafficMaker* operator->() const { return &*traffic_; }

  std::vector<Traffic> collective(Collective kind,
                                  int rank,
                                  const std::vector<int>& group,
                                  Bytes size) const {
    return traffic_->collective(TransferKind::kReduceScatter,
                                GroupKind::kDenseReplicas,
                                rank,
                                group,
                                job_.tuner->tune(kind, size, members_of(mesh(), group, 0)));
  }

  double sent_by_all(Collective kind, const std::vector<int>& group, Bytes size) const {
    double all = 0.0;
    for (const int rank : group) {
      for (const Traffic& traffic : collective(kind, rank, group, size)) {
        for (const Flow& flow : traffic.flows) {
          all += flow.copies * flow.bytes.si();
        }
      }
    }
    return all;
  }

  /// What the flows put on the senders' ports: a convoy's those of its leader.
  double through_ports_out(Collective kind, const std::vector<int>& group, Bytes size) const {
    double all = 0.0;
    for (const int rank : group) {
      for (const Traffic& traffic : collective(kind, rank, group, size)) {
        for (const Flow& flow : traffic.flows) {
          for (const Hop& hop : flow.hops) {
            const bool out = graph_.wires[static_cast<std::size_t>(hop.wire)].name.ends_with("out");
            all += out && (!flow.is_convoy || rank == group.front()) ? hop.times * flow.bytes.si()
                                                                     : 0.0;
          }
        }
      }
    }
    return all;
  }
  const Mesh& mesh() const { return job_.mesh; }

 private:
  SmallStep step_;
  JobLayout job_;
  OpGraph graph_;
  std::optional<TrafficMaker> traffic_;
};

double sent(const Traffic& traffic, Medium medium) {
  double bytes = 0.0;
  for (const Flow& flow : traffic.flows) {
    bytes += flow.medium == medium ? flow.copies * flow.bytes.si() : 0.0;
  }
  return bytes;
}

double sent(const Traffic& traffic) {
  return sent(traffic, Medium::kNic) + sent(traffic, Medium::kNvlink);
}

TEST(DeepSeekV3Dispatch, MovesFp8TokensWithScalesToTheNodesTheyVisit) {
  const SmallStep step = deepseek_v3_step(ScheduleKind::kDualPipe);
  const Maker maker(step, Folding::kFolded);
  const GroupShape group = {.local = 8, .nodes = 8};
  const ExpertTraffic copies = expert_traffic(step.model.moe, group);
  const Traffic dispatch = maker->experts(TransferKind::kDispatch, 0, false);
  const Traffic combine = maker->experts(TransferKind::kCombine, 0, false);
  EXPECT_DOUBLE_EQ(sent(dispatch, Medium::kNic), 4096 * 7 * copies.per_remote_node * 7392);
  EXPECT_DOUBLE_EQ(sent(combine, Medium::kNic), 4096 * 7 * copies.per_remote_node * 14336);
  EXPECT_DOUBLE_EQ(sent(dispatch, Medium::kNvlink), 4096 * 7 * copies.per_local_peer * 7392);
  EXPECT_DOUBLE_EQ(sent(combine, Medium::kNvlink), 4096 * 7 * copies.per_local_peer * 14336);
}

TEST(Dispatch, MovesBf16TokensInBf16Recipes) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 8});
  step.plan.recipe.gemm = Precision::kBf16;
  const Maker maker(step, Folding::kFolded);
  EXPECT_DOUBLE_EQ(sent(maker->experts(TransferKind::kDispatch, 0, false)),
                   sent(maker->experts(TransferKind::kCombine, 0, false)));
}

TEST(Dispatch, OfOneRankWithAllExpertsMovesNothing) {
  const SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 1});
  const Maker maker(step, Folding::kFolded);
  EXPECT_TRUE(maker->experts(TransferKind::kDispatch, 3, false).flows.empty());
}

// A dispatch's flows over NVLink, of the whole group together, are one for each pair of GPUs of a
// node; unfolded, every port sends and receives as much as its folded class says.
TEST(Folding, ChangesNoPortsLoad) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    const Maker folded(step, Folding::kFolded);
    const Maker whole(step, Folding::kUnfolded);
    const auto ranks = static_cast<std::size_t>(step.plan.ranks());
    for (const TransferKind kind : {TransferKind::kDispatch, TransferKind::kCombine}) {
      std::vector<double> received(ranks);
      for (int rank = 0; rank < step.plan.ranks(); ++rank) {
        const Traffic alone = whole->experts(kind, rank, false);
        const Traffic of_class = folded->experts(kind, rank, false);
        EXPECT_DOUBLE_EQ(sent(alone, Medium::kNic), sent(of_class, Medium::kNic));
        EXPECT_DOUBLE_EQ(sent(alone, Medium::kNvlink), sent(of_class, Medium::kNvlink));
        for (const Flow& flow : alone.flows) {
          EXPECT_EQ(flow.copies, 1);
          EXPECT_EQ(flow.medium == Medium::kNvlink,
                    whole.mesh().node(flow.source) == whole.mesh().node(flow.destination));
          received[static_cast<std::size_t>(flow.destination)] += flow.bytes.si();
        }
      }
      for (int rank = 0; rank < step.plan.ranks(); ++rank) {
        EXPECT_DOUBLE_EQ(received[static_cast<std::size_t>(rank)],
                         sent(folded->experts(kind, rank, false)));
      }
    }
  }
}

// Whatever way a ring goes, members send all but their own share.
TEST(Ring, MovesAllButTheOwnShare) {
  const Bytes size = 960.0 * MB;
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    const Maker maker(step, Folding::kUnfolded);
    const Mesh& mesh = maker.mesh();
    for (const auto& group : {mesh.dense_replicas({0}, 0),
                              mesh.dense_replicas({0, step.plan.pipeline - 1}, 0),
                              mesh.expert_replicas({0}, 0),
                              mesh.expert_group(0)}) {
      const auto members = static_cast<double>(group.size());
      const double share = size.si() / members;
      EXPECT_NEAR(maker.sent_by_all(Collective::kReduceScatter, group, size),
                  members * (size.si() - share),
                  1e-9 * members * size.si());
    }
  }
}

// Only the leader's flows are simulated, so that they fill each member's ports as much as all
// members send.
TEST(Collectives, FillThePortsWithWhatMembersSend) {
  const Profile profile = round_profile();
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 16, .expert = 4});
  for (const Algorithm algorithm : {Algorithm::kRing,
                                    Algorithm::kDoubleTree,
                                    Algorithm::kInSwitchTree,
                                    Algorithm::kHierarchical,
                                    Algorithm::kHalvingDoubling}) {
    step.plan.collectives.all_reduce = algorithm;
    const Maker maker(step, Folding::kUnfolded, profile);
    const std::vector<int> group = maker.mesh().dense_replicas({0}, 0);
    const double all = maker.sent_by_all(Collective::kAllReduce, group, 96 * MB);
    const double filled = maker.through_ports_out(Collective::kAllReduce, group, 96 * MB);
    EXPECT_GT(all, 0.0);
    EXPECT_NEAR(filled, all, 1e-9 * all) << name(algorithm);
  }
}

TEST(Peers, ArePartOfTheGroupAndNeverTheRankItself) {
  const SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 16, .expert = 8});
  const Mesh mesh(step.plan, step.cluster.gpus_per_node);
  const Peers found = GroupLayout(mesh, mesh.expert_group(9)).peers(9);
  EXPECT_EQ(found.local, (std::vector<int>{8, 10, 11}));
  EXPECT_EQ(found.remote, std::vector<int>{13});
  EXPECT_EQ(found.nodes, 2);
}

// Ranks 0, 1 and 4 on two nodes of four.
TEST(Peers, OfALargerNodeStandRoundTheSmallerOne) {
  const SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 16, .expert = 8});
  const Mesh mesh(step.plan, step.cluster.gpus_per_node);
  const GroupLayout layout(mesh, std::vector<int>{0, 1, 4});
  EXPECT_FALSE(layout.even());
  EXPECT_EQ(layout.peers(0).remote, std::vector<int>{4});
  EXPECT_EQ(layout.peers(1).remote, std::vector<int>{4});
  EXPECT_EQ(layout.peers(4).remote, std::vector<int>{0});
  EXPECT_EQ(layout.peers(4).landing, (std::vector<int>{0, 1}));
  EXPECT_EQ(layout.peers(0).landing, std::vector<int>{4});
  EXPECT_TRUE(layout.peers(1).landing.empty());
}

TEST(PipelineTransfer, MovesBf16ActivationsOverTheWireBetweenTheRanks) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 4, .data = 2, .expert = 2});
  const Maker maker(step, Folding::kUnfolded);
  const Traffic inside = maker->boundary(0, 2);
  const Traffic across = maker->boundary(2, 4);
  EXPECT_EQ(inside.flows.at(0).medium, Medium::kNvlink);
  EXPECT_EQ(across.flows.at(0).medium, Medium::kNic);
  EXPECT_DOUBLE_EQ(sent(inside), 2048.0 * 1024 * 2);
  EXPECT_DOUBLE_EQ(sent(across), 2048.0 * 1024 * 2);
}

// Every rank gets the latents of all others once, so each rank's own go to all others once.
TEST(ContextGather, MovesEveryRanksLatentsToAllOthers) {
  for (const int context : {2, 4, 8}) {
    const SmallStep step = small_step(ScheduleKind::k1F1B,
                                      {.pipeline = 2, .data = 16, .expert = 4, .context = context});
    const Maker maker(step, Folding::kUnfolded);
    double in_all = 0.0;
    for (int rank = 0; rank < context; ++rank) {
      in_all += sent(maker->context(TransferKind::kAllGather, rank));
    }
    const double own = 2048.0 / context * (128 + 32) * 2;
    EXPECT_DOUBLE_EQ(in_all, context * (context - 1) * own);
  }
}

}  // namespace
}  // namespace towtank
