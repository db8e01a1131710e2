// Where communication is free, the simulated step is the schedule's own arithmetic.
#include <algorithm>

#include <gtest/gtest.h>

#include "sim/graph/unit_segments.hpp"
#include "sim/plan/pipeline_time.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {
namespace {

constexpr double kExact = 1e-9;

/// A model of equal stages: neither embedding nor head, whose vocabulary is empty, and no layer
/// that differs from the others.
Architecture equal_layers(std::int64_t layers, bool experts) {
  Architecture model = small_model();
  model.layers = layers;
  model.dense_layers = experts ? 0 : layers;
  model.mtp_modules = 0;
  model.vocabulary = 0;
  return model;
}

/// Links that take no time worth a word.
GpuLink free_link() {
  return {.bandwidth = 1e18 * byte / second, .latency = Seconds()};
}

/// A slow GPU with unlimited memory bandwidth: only GEMMs and attention take time.
Profile compute_only_profile() {
  Profile profile;
  profile.gpu = {.name = "test",
                 .sms = 100,
                 .bf16_peak = TFLOP / second,
                 .fp8_peak = TFLOP / second,
                 .memory_bandwidth = 1e9 * TB / second,
                 .memory = 80 * GiB};
  profile.fallback.source = "test";
  return profile;
}

struct Case {
  SmallStep step;
  Profile profile = compute_only_profile();

  Timeline run() const { return simulate_step(step, Folding::kFolded, profile, 0); }
};

Case make_case(ScheduleKind kind, int pipeline, bool experts) {
  Case made{.step = small_step(kind, {.pipeline = pipeline, .data = 4, .expert = 4})};
  SmallStep& step = made.step;
  step.cluster.nvlink = free_link();
  step.cluster.nic = free_link();
  step.plan.recipe.gemm = Precision::kBf16;
  step.plan.blocking_pipeline = true;
  step.model = equal_layers(4L * pipeline, experts);
  return made;
}

/// Times of one chunk, from the segments of its layers.
ChunkTimes chunk_times(const Case& made) {
  const SmallStep& step = made.step;
  const TokenShard shard = step.plan.token_shard(step.model.moe.experts, step.model.moe.top_k);
  const bool dense = step.model.dense_layers > 0;
  const Unit unit{.kind = dense ? UnitKind::kDenseLayer : UnitKind::kMoeLayer};
  std::vector<Segment> segments;
  const UnitParts parts =
      add_unit_parts(unit, step.model, shard, step.plan.recipe, {.shares_gpu = false}, segments);
  const double layers =
      static_cast<double>(step.model.layers) / static_cast<double>(step.schedule().stages);
  const auto time = [&](const Part& part) {
    Seconds sum;
    for (const Piece& piece : part) {
      for (const Op& op : segments[static_cast<std::size_t>(piece.segment)].ops) {
        sum += estimate(made.profile, op, made.profile.gpu.sms).time;
      }
    }
    return layers * sum;
  };
  const Seconds forward = time(parts.attention_forward) + time(parts.mlp_forward);
  const Seconds input = time(parts.attention_input_gradient) + time(parts.mlp_input_gradient);
  const Seconds weight = time(parts.attention_weight_gradient) + time(parts.mlp_weight_gradient);
  return {.forward = forward,
          .backward = input + weight,
          .weight = weight,
          .overlapped = forward + input + weight};
}

/// End of the last chunk, and each rank's time without one.
PipelineTime simulated(const Timeline& timeline) {
  PipelineTime time;
  time.busy.resize(timeline.ranks.size());
  for (const Event& event : timeline.events) {
    const bool in_chunk =
        timeline.slots[static_cast<std::size_t>(event.slot)].phase != Phase::kOptimizer;
    if (event.stream == StreamKind::kCompute && in_chunk) {
      time.makespan = std::max(time.makespan, Seconds(event.end));
      time.busy[static_cast<std::size_t>(event.rank)] += Seconds(event.end - event.start);
    }
  }
  for (const Seconds busy : time.busy) {
    time.bubble.push_back(time.makespan - busy);
  }
  return time;
}

/// Attention's backward kernel computes its scores again, and the router's weight gradient comes
/// with its input gradient: without these the three passes are equally long.
void make_passes_equally_long(Case& made) {
  for (const Segment& segment : made.step.lower(Folding::kFolded).segments) {
    for (const Op& op : segment.ops) {
      if (family(op.kind) == OpFamily::kAttention || op.precision == Precision::kFp32) {
        made.profile.points.push_back(
            {.op = op, .sms = made.profile.gpu.sms, .time = Seconds(), .source = "test"});
      }
    }
  }
}

void expect_agreement(const Case& made) {
  SCOPED_TRACE(made.step.text());
  const PipelineTime expected = pipeline_time(made.step.schedule(), chunk_times(made));
  const Timeline timeline = made.run();
  const PipelineTime found = simulated(timeline);
  const double makespan = expected.makespan.si();
  EXPECT_NEAR(found.makespan.si(), makespan, kExact * makespan);
  for (std::size_t i = 0; i < timeline.ranks.size(); ++i) {
    const auto rank = static_cast<std::size_t>(timeline.ranks[i].pipeline);
    EXPECT_NEAR(found.bubble[i].si(), expected.bubble[rank].si(), kExact * makespan);
  }
}

// A pair's two chunks start together only in the closed form; when all passes are equally long, no
// pair in DualPipe waits for one of its inputs alone.
TEST(FreeCommunication, LeavesTheSchedulesOwnTimeAndBubbles) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const int pipeline : {1, 2, 4, 6}) {
      for (const bool experts : {false, true}) {
        if (schedule_problem(
                kind, {pipeline, 2 * pipeline, kind == ScheduleKind::kInterleaved1F1B ? 2 : 1})) {
          continue;
        }
        Case made = make_case(kind, pipeline, experts);
        make_passes_equally_long(made);
        expect_agreement(made);
      }
    }
  }
}

TEST(FreeCommunication, LeavesTheSchedulesOwnTimeWithUnequalPasses) {
  for (const ScheduleKind kind : {ScheduleKind::kGpipe,
                                  ScheduleKind::k1F1B,
                                  ScheduleKind::kInterleaved1F1B,
                                  ScheduleKind::kZb1p}) {
    for (const int pipeline : {2, 4}) {
      for (const bool experts : {false, true}) {
        expect_agreement(make_case(kind, pipeline, experts));
      }
    }
  }
}

// Results that leave before their slot ends, and pairs that begin with one input, only help.
TEST(FreeCommunication, NeverTakesLongerThanTheScheduleAsksFor) {
  for (const ScheduleKind kind : all_schedule_kinds()) {
    for (const int pipeline : {2, 4}) {
      for (const bool blocking : {false, true}) {
        Case made = make_case(kind, pipeline, true);
        made.step.plan.blocking_pipeline = blocking;
        const Seconds expected = pipeline_time(made.step.schedule(), chunk_times(made)).makespan;
        EXPECT_LE(simulated(made.run()).makespan.si(), expected.si() * (1.0 + kExact))
            << made.step.text();
      }
    }
  }
}

}  // namespace
}  // namespace towtank
