// The op graph of a step holds all the work and all the bytes of the plan, once.
#include "sim/graph/training_step.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/plan/parameter_shards.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

const Traffic* traffic_of(const OpGraph& graph, Vertex vertex) {
  const Node& node = graph.dependencies[vertex];
  return node.work == Node::Work::kTraffic ? &graph.traffics[at(node.index)] : nullptr;
}

std::int64_t members_of(const OpGraph& graph, Vertex vertex) {
  return graph.ranks[at(graph.dependencies[vertex].rank)].members;
}

/// Traffics of a kind and name on all ranks of the cluster, and what they move.
struct Moved {
  std::int64_t traffics = 0;
  double nic = 0.0;
  double nvlink = 0.0;
};

Moved moved(const OpGraph& graph, TransferKind kind, const std::string& name) {
  Moved sum;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Traffic* traffic = traffic_of(graph, vertex);
    if (traffic == nullptr || traffic->kind != kind || traffic->name != name) {
      continue;
    }
    const std::int64_t members = members_of(graph, vertex);
    sum.traffics += members;
    for (const Flow& flow : traffic->flows) {
      (flow.medium == Medium::kNic ? sum.nic : sum.nvlink) +=
          static_cast<double>(members) * flow.copies * flow.bytes.si();
    }
  }
  return sum;
}

Moved moved(const OpGraph& graph, TransferKind kind) {
  return moved(graph, kind, std::string(name(kind)));
}

std::int64_t layers_that_dispatch(const Architecture& model) {
  return layers_with_experts(model) + model.mtp_modules;
}

std::vector<SmallStep> small_steps_and_deepseek_v3() {
  std::vector<SmallStep> steps = small_steps();
  steps.push_back(deepseek_v3_step(ScheduleKind::kDualPipe));
  return steps;
}

TEST(TrainingStep, IsAcyclicTogetherWithTheOrderOfItsStreams) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    const OpGraph graph = step.lower(Folding::kFolded);
    const std::size_t count = boost::num_vertices(graph.dependencies);
    std::vector<std::vector<Vertex>> after(count);
    std::vector<int> waits(count);
    const auto edge = [&](Vertex from, Vertex to) {
      after[from].push_back(to);
      ++waits[to];
    };
    for (const auto& known : boost::make_iterator_range(boost::edges(graph.dependencies))) {
      edge(boost::source(known, graph.dependencies), boost::target(known, graph.dependencies));
    }
    for (const auto& streams : graph.streams) {
      for (const std::vector<Vertex>& stream : streams) {
        for (std::size_t i = 1; i < stream.size(); ++i) {
          edge(stream[i - 1], stream[i]);
        }
      }
    }
    std::vector<Vertex> ready;
    for (Vertex vertex = 0; vertex < count; ++vertex) {
      if (waits[vertex] == 0) {
        ready.push_back(vertex);
      }
    }
    std::size_t done = 0;
    for (; done < ready.size(); ++done) {
      for (const Vertex next : std::vector<Vertex>(after[ready[done]])) {
        if (--waits[next] == 0) {
          ready.push_back(next);
        }
      }
    }
    EXPECT_EQ(done, count) << step.text();
  }
}

TEST(TrainingStep, HasEveryNodeOnceInItsStream) {
  for (const SmallStep& step : small_steps()) {
    const OpGraph graph = step.lower(Folding::kUnfolded);
    std::set<Vertex> seen;
    ASSERT_EQ(graph.streams.size(), at(step.plan.ranks()));
    for (std::size_t rank = 0; rank < graph.streams.size(); ++rank) {
      for (std::size_t stream = 0; stream < kStreamKinds; ++stream) {
        for (const Vertex vertex : graph.streams[rank][stream]) {
          EXPECT_TRUE(seen.insert(vertex).second);
          EXPECT_EQ(at(graph.dependencies[vertex].rank), rank);
          EXPECT_EQ(static_cast<std::size_t>(graph.dependencies[vertex].stream), stream);
          EXPECT_EQ(at(graph.slots[at(graph.dependencies[vertex].slot)].rank), rank);
        }
      }
    }
    EXPECT_EQ(seen.size(), boost::num_vertices(graph.dependencies));
  }
}

TEST(TrainingStep, FoldedStandsForEveryRank) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    std::int64_t members = 0;
    for (const SimulatedRank& rank : step.lower(Folding::kFolded).ranks) {
      members += rank.members;
    }
    EXPECT_EQ(members, step.plan.ranks());
  }
}

// Every token goes out and back once forward and once backward in every layer with experts.
TEST(TrainingStep, DispatchesAndCombinesInEachPassOfEachLayerWithExperts) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    SCOPED_TRACE(step.text());
    const OpGraph graph = step.lower(Folding::kFolded);
    const std::int64_t passes = 2 * layers_that_dispatch(step.model) * step.plan.micro_batches();
    EXPECT_EQ(moved(graph, TransferKind::kDispatch).traffics, step.plan.data * passes);
    EXPECT_EQ(moved(graph, TransferKind::kCombine).traffics, step.plan.data * passes);
  }
}

TEST(TrainingStep, MovesEveryTokensCopiesInFp8OutAndInBf16Back) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    SCOPED_TRACE(step.text());
    const Mesh mesh(step.plan, step.cluster.gpus_per_node);
    const GroupShape group = group_shape(mesh, mesh.expert_group(0));
    const ExpertTraffic copies = expert_traffic(step.model.moe, group);
    const double tokens = static_cast<double>(step.plan.batch * step.plan.sequence) * 2.0 *
                          static_cast<double>(layers_that_dispatch(step.model));
    const double hidden = static_cast<double>(step.model.hidden);
    const OpGraph graph = step.lower(Folding::kFolded);
    const Moved out = moved(graph, TransferKind::kDispatch);
    const Moved back = moved(graph, TransferKind::kCombine);
    const double over_nic = tokens * copies.per_remote_node * (group.nodes - 1);
    const double over_nvlink = tokens * copies.per_local_peer * (group.local - 1);
    const double fp8 = hidden * (1.0 + 4.0 / 128.0);  // 7,392 B for DeepSeek-V3
    EXPECT_NEAR(out.nic, over_nic * fp8, 1e-9 * over_nic * fp8);
    EXPECT_NEAR(out.nvlink, over_nvlink * fp8, 1e-9 * over_nvlink * fp8);
    EXPECT_NEAR(back.nic, over_nic * 2.0 * hidden, 1e-9 * back.nic);
    EXPECT_NEAR(back.nvlink, over_nvlink * 2.0 * hidden, 1e-9 * back.nvlink);
  }
}

/// Bytes that collectives of all replicas move together: each of n members all but its own share.
double bytes_of_collectives(const SmallStep& step, double element) {
  const Schedule schedule = step.schedule();
  double bytes = 0.0;
  double parameters = 0.0;
  const std::vector<Stage> stages = make_stages(step.model, step.plan, schedule.stages);
  for (const Stage& stage : stages) {
    const StageParameters of_rank = stage_parameters(step.model, step.plan, stage);
    const double all_experts = of_rank.experts * step.plan.expert;
    const double replicas = static_cast<double>(step.plan.data * schedule.directions);
    bytes += element * of_rank.dense * (replicas - 1.0);
    bytes += element * all_experts * (replicas / step.plan.expert - 1.0);
    parameters += of_rank.dense + all_experts;
  }
  // Where the ends of the pipeline are apart, the MTP module has a copy of the embedding.
  const bool apart = rank_of(schedule, 0, 0) != rank_of(schedule, schedule.stages - 1, 0) &&
                     schedule.directions == 1;
  const double copy =
      apart && step.model.mtp_modules > 0 ? block_parameters(step.model).embedding : 0.0;
  EXPECT_DOUBLE_EQ(parameters, total_parameters(step.model) + mtp_parameters(step.model) + copy);
  return bytes;
}

TEST(TrainingStep, ReducesFourBytesOfEveryParametersGradientAndGathersTwo) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    SCOPED_TRACE(step.text());
    const OpGraph graph = step.lower(Folding::kFolded);
    const Moved reduced = moved(graph, TransferKind::kReduceScatter);
    const Moved gathered = moved(graph, TransferKind::kAllGather);
    const double gradients = bytes_of_collectives(step, 4.0);
    const double whole = step.plan.zero_stage == 0 ? gradients : bytes_of_collectives(step, 2.0);
    EXPECT_NEAR(reduced.nic + reduced.nvlink, gradients, 1e-9 * gradients);
    EXPECT_NEAR(gathered.nic + gathered.nvlink, whole, 1e-9 * whole);
  }
}

TEST(TrainingStep, OfADenseModelDispatchesNothingAndReducesAllItsGradients) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .context = 2});
  step.model = small_dense_model();
  const OpGraph graph = step.lower(Folding::kFolded);
  for (const TransferKind kind : {TransferKind::kDispatch, TransferKind::kCombine}) {
    const Moved nothing = moved(graph, kind);
    EXPECT_EQ(nothing.nic + nothing.nvlink, 0.0);
  }
  // Seven of eight ranks are others; the tied embedding is on both ends. Keys and values of each
  // layer come back from the other context rank once, 2 bytes each.
  const double embedding = 4000.0 * 1024.0;
  const double reduced = 4.0 * (total_parameters(step.model) + embedding) * 7.0;
  const double tokens = static_cast<double>(step.plan.batch * step.plan.sequence);
  const double keys_and_values = tokens * 9.0 * 2.0 * 4 * 64 * 2.0;
  const Moved gradients = moved(graph, TransferKind::kReduceScatter);
  EXPECT_NEAR(gradients.nic + gradients.nvlink, reduced, 1e-9 * reduced);
  const Moved shared = moved(graph, TransferKind::kReduceScatter, "context");
  EXPECT_NEAR(shared.nic + shared.nvlink, keys_and_values, 1e-9 * keys_and_values);
}

TEST(TrainingStep, OfInterleavedExpertsDispatchesInEverySecondLayer) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 8});
  step.model = small_interleaved_model();
  Architecture all = step.model;
  all.moe.every = 1;
  const Moved half = moved(step.lower(Folding::kFolded), TransferKind::kDispatch);
  step.model = all;
  const Moved whole = moved(step.lower(Folding::kFolded), TransferKind::kDispatch);
  EXPECT_GT(half.nic, 0.0);
  EXPECT_NEAR(2.0 * half.nic, whole.nic, 1e-9 * whole.nic);
  EXPECT_NEAR(2.0 * half.nvlink, whole.nvlink, 1e-9 * whole.nvlink);
}

// A dispatch or combine that weight gradients run beside is as slow as beside any kernel.
TEST(TrainingStep, SharesTheGpuInFullBackwardChunksButNotInForwardOnes) {
  for (const SmallStep& step : small_steps()) {
    if (step.plan.schedule != ScheduleKind::k1F1B) {
      continue;
    }
    SCOPED_TRACE(step.text());
    const OpGraph graph = step.lower(Folding::kFolded);
    for (const auto vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
      const Node& node = graph.dependencies[vertex];
      if (node.work != Node::Work::kTraffic || node.stream != StreamKind::kExpert) {
        continue;
      }
      const Traffic& traffic = graph.traffics[static_cast<std::size_t>(node.index)];
      const Phase phase = graph.slots[static_cast<std::size_t>(node.slot)].phase;
      if (phase == Phase::kForward) {
        EXPECT_FALSE(traffic.shares_gpu);
      } else if (traffic.kind == TransferKind::kCombine) {
        EXPECT_TRUE(traffic.shares_gpu);
      }
    }
  }
}

// One gather before each attention, forward and backward, and one return of gradients.
TEST(ContextParallelStep, GathersKeysAndValuesAtEveryAttention) {
  for (const SmallStep& step : small_steps()) {
    const OpGraph graph = step.lower(Folding::kFolded);
    const std::int64_t attentions =
        (step.model.layers + step.model.mtp_modules) * step.plan.micro_batches() * step.plan.data;
    const std::int64_t expected = step.plan.context > 1 ? attentions : 0;
    EXPECT_EQ(moved(graph, TransferKind::kAllGather, "context").traffics, 2 * expected)
        << step.text();
    EXPECT_EQ(moved(graph, TransferKind::kReduceScatter, "context").traffics, expected)
        << step.text();
  }
}

TEST(TrainingStep, SendsEachMicroBatchAcrossEachStageBoundaryBothWays) {
  for (const SmallStep& step : small_steps_and_deepseek_v3()) {
    const Schedule schedule = step.schedule();
    std::int64_t boundaries = 0;
    for (int stage = 0; stage + 1 < schedule.stages; ++stage) {
      boundaries += rank_of(schedule, stage, 0) != rank_of(schedule, stage + 1, 0) ? 1 : 0;
    }
    const OpGraph graph = step.lower(Folding::kFolded);
    EXPECT_EQ(moved(graph, TransferKind::kPointToPoint, "pipeline").traffics,
              2 * boundaries * step.plan.micro_batches() * step.plan.data)
        << step.text();
  }
}

/// GEMM work of all ranks, forward and backward. Whether it shares the GPU does not matter.
TEST(TrainingStep, ComputesWhatTheModelNeeds) {
  for (SmallStep step : small_steps()) {
    SCOPED_TRACE(step.text());
    step.model.mtp_modules = 0;                // published work leaves it out
    step.plan.recipe.gemm = Precision::kBf16;  // no padded rows
    const OpGraph graph = step.lower(Folding::kFolded);
    double work = 0.0;
    for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
      const Node& node = graph.dependencies[vertex];
      if (node.work == Node::Work::kSegment) {
        for (const Op& op : graph.segments[at(node.index)].ops) {
          work += static_cast<double>(members_of(graph, vertex)) * (model_flops(op) / flop);
        }
      }
    }
    const Flops per_token =
        training_flops_per_token(step.model, step.plan.sequence, AttentionCount::kCausal);
    const double tokens = static_cast<double>(step.plan.batch * step.plan.sequence);
    EXPECT_NEAR(work, tokens * (per_token / flop), 1e-9 * work);
  }
}

/// A node's place: its rank, its stream, and how many of the stream come before it.
using NodePlace = std::tuple<int, int, std::size_t>;

struct Layout {
  std::map<NodePlace, std::string> names;
  std::set<std::pair<NodePlace, NodePlace>> dependencies;
};

Layout layout(const OpGraph& graph) {
  Layout result;
  std::map<Vertex, NodePlace> places;
  for (std::size_t rank = 0; rank < graph.streams.size(); ++rank) {
    for (std::size_t stream = 0; stream < kStreamKinds; ++stream) {
      const std::vector<Vertex>& vertices = graph.streams[rank][stream];
      for (std::size_t i = 0; i < vertices.size(); ++i) {
        const NodePlace place = {static_cast<int>(rank), static_cast<int>(stream), i};
        const Node& node = graph.dependencies[vertices[i]];
        places[vertices[i]] = place;
        result.names[place] = node.work == Node::Work::kSegment
                                  ? graph.segments[at(node.index)].name
                                  : graph.traffics[at(node.index)].name;
      }
    }
  }
  for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
    result.dependencies.emplace(places.at(boost::source(edge, graph.dependencies)),
                                places.at(boost::target(edge, graph.dependencies)));
  }
  return result;
}

TEST(BlockingPipeline, OnlyAddsDependencies) {
  for (SmallStep step : small_steps()) {
    SCOPED_TRACE(step.text());
    step.plan.blocking_pipeline = false;
    const Layout eager = layout(step.lower(Folding::kFolded));
    step.plan.blocking_pipeline = true;
    const Layout blocking = layout(step.lower(Folding::kFolded));
    EXPECT_EQ(eager.names, blocking.names);
    EXPECT_TRUE(std::ranges::includes(blocking.dependencies, eager.dependencies));
    EXPECT_GT(blocking.dependencies.size(), eager.dependencies.size());
  }
}

/// The ranks that a traffic's rank must meet, by what the traffic is for.
std::vector<std::vector<int>> possible_groups(const SmallStep& step,
                                              const Traffic& traffic,
                                              int rank) {
  const Mesh mesh(step.plan, step.cluster.gpus_per_node);
  if (traffic.name == "context") {
    return {mesh.context_group(rank)};
  }
  if (traffic.kind == TransferKind::kDispatch || traffic.kind == TransferKind::kCombine) {
    return {mesh.expert_group(rank)};
  }
  std::vector<std::vector<int>> groups;
  const Schedule schedule = step.schedule();
  for (int stage = 0; stage < schedule.stages; ++stage) {
    const std::vector<int> hosts = hosts_of_stage(schedule, stage);
    groups.push_back(mesh.dense_replicas(hosts, rank));
    groups.push_back(mesh.expert_replicas(hosts, rank));
  }
  return groups;
}

// A collective starts when its last member is there: all of a group meet, each of them once, to do
// the same thing.
TEST(UnfoldedStep, LetsTheMembersOfEachGroupMeet) {
  for (const SmallStep& step : small_steps()) {
    SCOPED_TRACE(step.text());
    const OpGraph graph = step.lower(Folding::kUnfolded);
    std::map<int, std::vector<Vertex>> meetings;
    for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
      const Traffic* traffic = traffic_of(graph, vertex);
      const int rendezvous = graph.dependencies[vertex].rendezvous;
      const bool collective = traffic != nullptr && traffic->name != "gradient norm" &&
                              traffic->kind != TransferKind::kPointToPoint;
      ASSERT_EQ(rendezvous >= 0, collective);
      if (collective) {
        meetings[rendezvous].push_back(vertex);
      }
    }
    for (const auto& [rendezvous, vertices] : meetings) {
      const Traffic& first = *traffic_of(graph, vertices.front());
      std::vector<int> ranks;
      for (const Vertex vertex : vertices) {
        ranks.push_back(graph.dependencies[vertex].rank);
        ASSERT_EQ(traffic_of(graph, vertex)->name, first.name);
        ASSERT_EQ(traffic_of(graph, vertex)->flows.front().bytes.si(),
                  first.flows.front().bytes.si());
      }
      std::ranges::sort(ranks);
      const auto groups = possible_groups(step, first, ranks.front());
      ASSERT_GT(std::ranges::count(groups, ranks), 0);
    }
  }
}

TEST(DeepSeekV3Step, HasAGraphOfItsClassesOnly) {
  const OpGraph graph = deepseek_v3_step(ScheduleKind::kDualPipe).lower(Folding::kFolded);
  EXPECT_EQ(graph.ranks.size(), 8u);
  EXPECT_LT(boost::num_vertices(graph.dependencies), 100'000u);
}

}  // namespace
}  // namespace towtank
