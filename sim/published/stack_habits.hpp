// Software stacks that runs were made with: what they add to kernels' times, and what their runs do
// where a row does not say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/model/op.hpp"
#include "sim/model/parameters.hpp"
#include "sim/model/recipe.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/published/published_run.hpp"
#include "sim/scenario/stack_reader.hpp"

namespace towtank {

/// How layers are dealt to pipeline stages.
enum class StageHabit {
  kEven,      // as many to each; where that does not go, the first and the last one fewer
  kBalanced,  // by FLOP, heads and embeddings included
};

/// How a model was run with a stack, by whoever published it, where a row of a table does not say.
struct KnownPlan {
  std::string model;  // words of its name
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> tensor;
  std::optional<std::int64_t> pipeline;
  std::optional<std::int64_t> expert;
  std::string source;
};

struct StackHabits {
  SoftwareStack stack;  // few numbers, of all its runs
  StacksByGpu by_gpu;   // on each GPU; `stack` is the usual one
  double error = 0.0;   // relative, at 90%: how far its runs are from projections made without them
  std::vector<std::string> runs;      // words of a row's source, model and remarks; see below
  std::vector<std::string> profiles;  // of the GPUs whose runs are its where no words say so
  std::vector<KnownPlan> known_plans;
  // What a run does where its row does not say.
  Precision precision = Precision::kBf16;
  int zero = 1;
  bool sequence_parallel = true;
  Overlap overlap;
  Precision moments = Precision::kFp32;
  Precision gradients = Precision::kFp32;
  Loss loss = Loss::kWhole;
  bool fused_attention = true;
  bool dropout = false;
  bool forwards_in_node = true;
  ContextExchange context_exchange = ContextExchange::kAllGather;
  bool experts_share_tensor = false;  // expert-tensor ranks are as many as tensor ranks; else one
  int layers_per_stage = 0;  // where virtual stages are not stated, so that a stage has so many
                             // layers; 0: one stage a rank
  ScheduleKind schedule = ScheduleKind::k1F1B;  // where there is no interleaving
  StageHabit stages = StageHabit::kEven;
  bool blocking_pipeline = false;
  int communication_sms = 0;
  bool model_parallel = true;  // false: parameters are sharded and nothing else is shared
  bool tensor_parallel = true;
  Recompute selective;  // what "selective" alone means
  // How it counts FLOP (training-FLOP conventions differ by half).
  AttentionCount attention = AttentionCount::kFull;
  bool counts_recompute = false;
};

/// The stack's numbers on the GPU of a profile.
inline const SoftwareStack& stack_on(const StackHabits& habits, std::string_view profile) {
  return habits.by_gpu.on(profile);
}

/// Reads every .toml file of a directory (scenarios/stacks), sorted by name. InputError with every
/// mistake of a file.
std::vector<StackHabits> read_stacks(const std::string& directory);

/// The stack of a run: the one with the longest entry of `runs` of which each word is mentioned;
/// else the first that names the profile; else the first of all. `assumption` says which of the
/// latter two it was, if it was.
struct ChosenStack {
  const StackHabits* habits = nullptr;
  std::string assumption;
};
ChosenStack choose_stack(const std::vector<StackHabits>& stacks,
                         const PublishedRun& run,
                         const std::string& profile);

}  // namespace towtank
