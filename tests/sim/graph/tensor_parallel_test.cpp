// What ranks that share a layer's columns do in a step, and what moves beside the chunks.
#include <optional>

#include <gtest/gtest.h>

#include "sim/model/op.hpp"
#include "tests/sim/graph/small_step.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

SmallStep dense_step(const Degrees& degrees) {
  SmallStep step = small_step(ScheduleKind::k1F1B, degrees);
  step.model = small_dense_model();
  step.model.learned_positions = 0;
  step.plan.recipe.gemm = Precision::kBf16;
  return step;
}

/// Bytes that all ranks of the cluster send among a kind of group, over one medium or all.
double sent(const OpGraph& graph,
            GroupKind group,
            TransferKind kind,
            std::optional<Medium> medium = std::nullopt) {
  double sum = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work != Node::Work::kTraffic) {
      continue;
    }
    const Traffic& traffic = graph.traffics[at(node.index)];
    for (const Flow& flow : traffic.flows) {
      const bool counts = !medium || flow.medium == *medium;
      if (counts && traffic.group == group && traffic.kind == kind) {
        sum +=
            static_cast<double>(graph.ranks[at(node.rank)].members) * flow.copies * flow.bytes.si();
      }
    }
  }
  return sum;
}

/// Work of all ranks of the cluster.
double work(const OpGraph& graph) {
  double sum = 0.0;
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work != Node::Work::kSegment) {
      continue;
    }
    for (const Op& op : graph.segments[at(node.index)].ops) {
      sum += static_cast<double>(graph.ranks[at(node.rank)].members) * flops(op).si();
    }
  }
  return sum;
}

double tokens(const SmallStep& step) {
  return static_cast<double>(step.plan.batch * step.plan.sequence);
}

/// Of one more layer.
template <typename Measure>
double of_one_layer(SmallStep step, Measure measure) {
  const double fewer = measure(step.lower(Folding::kFolded));
  step.model.layers += 2;  // one a stage of two, so that nothing else changes
  return (measure(step.lower(Folding::kFolded)) - fewer) / 2.0;
}

// arXiv 2205.05198, section 4.2.2: two all-gathers and two reduce-scatters of the layer's tokens
// forward, and as many backward, where the gathers of the backward pass's weight gradients are as
// many again.
TEST(TensorParallelStep, GathersAndScattersEachLayersTokensAsMegatronDoes) {
  const SmallStep step = dense_step({.pipeline = 2, .data = 2, .tensor = 4});
  const double whole = tokens(step) * static_cast<double>(step.model.hidden) * 2.0;
  const double others = step.plan.tensor - 1.0;  // each rank sends its quarter to three others
  const auto gathered = [](const OpGraph& graph) {
    return sent(graph, GroupKind::kTensor, TransferKind::kAllGather);
  };
  const auto scattered = [](const OpGraph& graph) {
    return sent(graph, GroupKind::kTensor, TransferKind::kReduceScatter);
  };
  EXPECT_NEAR(of_one_layer(step, gathered), 6.0 * others * whole, 1e-9 * whole);
  EXPECT_NEAR(of_one_layer(step, scattered), 4.0 * others * whole, 1e-9 * whole);
}

TEST(TensorParallelStep, DoesTheSameWorkOnAnyDegree) {
  const double alone = work(dense_step({.pipeline = 2, .data = 8}).lower(Folding::kFolded));
  for (const int tensor : {2, 4}) {
    for (const bool sequence_parallel : {true, false}) {
      SmallStep step = dense_step({.pipeline = 2, .data = 8 / tensor, .tensor = tensor});
      step.plan.batch = dense_step({.pipeline = 2, .data = 8}).plan.batch;
      step.plan.sequence_parallel = sequence_parallel;
      EXPECT_NEAR(work(step.lower(Folding::kFolded)), alone, 1e-9 * alone) << step.text();
    }
  }
}

TEST(TensorParallelStep, MovesAsMuchCutIntoPiecesBesideGemms) {
  SmallStep step = dense_step({.pipeline = 2, .data = 2, .tensor = 4});
  const OpGraph plain = step.lower(Folding::kFolded);
  step.plan.overlap.tensor = true;
  const OpGraph overlapped = step.lower(Folding::kFolded);
  for (const TransferKind kind : {TransferKind::kAllGather, TransferKind::kReduceScatter}) {
    const double bytes = sent(plain, GroupKind::kTensor, kind);
    EXPECT_GT(bytes, 0.0);
    EXPECT_NEAR(sent(overlapped, GroupKind::kTensor, kind), bytes, 1e-9 * bytes);
  }
  EXPECT_NEAR(work(overlapped), work(plain), 1e-9 * work(plain));
}

TEST(TensorParallelStep, ComputesLayersForwardTwiceWhereTheyAreNotKept) {
  SmallStep step = dense_step({.pipeline = 2, .data = 2, .tensor = 2});
  const double forward = of_one_layer(step, work);
  step.plan.recipe.recompute.layers = true;
  const double again = of_one_layer(step, work);
  // Forward, and backward twice as much; of attention's scores, fused kernels compute them once
  // more in the backward pass anyway.
  EXPECT_NEAR(again / forward, 4.0 / 3.0, 0.02);
}

// arXiv 1910.02054, section 7.2: ZeRO-3 moves 1.5 times what plain data parallelism does, the
// parameters once forward and once backward, every micro-batch.
TEST(ShardedParameters, AreGatheredBeforeEveryUse) {
  SmallStep step = dense_step({.pipeline = 1, .data = 8});
  step.plan.batch = 16;  // two micro-batches
  const auto moved = [&](int stage, TransferKind kind) {
    step.plan.zero_stage = stage;
    return sent(step.lower(Folding::kFolded), GroupKind::kDenseReplicas, kind);
  };
  const double once = moved(1, TransferKind::kAllGather);
  EXPECT_NEAR(moved(2, TransferKind::kAllGather), once, 1e-9 * once);
  EXPECT_NEAR(moved(3, TransferKind::kAllGather), 4.0 * once, 1e-6 * once);
  const double gradients = moved(1, TransferKind::kReduceScatter);
  EXPECT_NEAR(moved(2, TransferKind::kReduceScatter), 2.0 * gradients, 1e-6 * gradients);
  EXPECT_NEAR(moved(3, TransferKind::kReduceScatter), 2.0 * gradients, 1e-6 * gradients);
}

TEST(ShardedParameters, OfPartOfTheReplicasStayInsideThem) {
  SmallStep step = dense_step({.pipeline = 1, .data = 16});
  step.plan.zero_stage = 3;
  const double whole =
      sent(step.lower(Folding::kFolded), GroupKind::kDenseReplicas, TransferKind::kAllGather);
  step.plan.shard = 4;  // 3 of 4 parts come from others, all on the node, where it was 15 of 16
  const double parts = sent(step.lower(Folding::kFolded),
                            GroupKind::kDenseReplicas,
                            TransferKind::kAllGather,
                            Medium::kNvlink);
  EXPECT_NEAR(parts, 12.0 / 15.0 * whole, 1e-9 * whole);
}

TEST(GradientsLayerByLayer, AreTheSameGradients) {
  SmallStep step = dense_step({.pipeline = 2, .data = 4, .tensor = 2});
  const double together =
      sent(step.lower(Folding::kFolded), GroupKind::kDenseReplicas, TransferKind::kReduceScatter);
  step.plan.overlap.gradients = true;
  const double one_by_one =
      sent(step.lower(Folding::kFolded), GroupKind::kDenseReplicas, TransferKind::kReduceScatter);
  EXPECT_NEAR(one_by_one, together, 1e-9 * together);
}

// An MTP module shares the head, which has one gradient.
TEST(GradientsLayerByLayer, CountASharedHeadOnce) {
  SmallStep step = small_step(ScheduleKind::k1F1B, {.pipeline = 2, .data = 8, .expert = 4});
  ASSERT_GT(step.model.mtp_modules, 0);
  const auto moved = [&step](TransferKind kind) {
    return sent(step.lower(Folding::kFolded), GroupKind::kDenseReplicas, kind);
  };
  const double reduced = moved(TransferKind::kReduceScatter);
  const double gathered = moved(TransferKind::kAllGather);
  step.plan.overlap = {.gradients = true, .parameters = true};
  EXPECT_NEAR(moved(TransferKind::kReduceScatter), reduced, 1e-9 * reduced);
  EXPECT_NEAR(moved(TransferKind::kAllGather), gathered, 1e-9 * gathered);
}

}  // namespace
}  // namespace towtank
