#include "sim/published/stack_habits.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/precision_words.hpp"
#include "sim/published/toml_words.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string>& state_words() {
  static const std::vector<std::string> kWords = {"fp32", "bf16"};
  return kWords;
}

Precision state_precision(TomlTable& table, std::string_view key) {
  return table.word_or(key, "fp32", state_words()) == "bf16" ? Precision::kBf16 : Precision::kFp32;
}

Overlap read_overlap(TomlTable& plan) {
  Overlap overlap;
  if (std::optional<TomlTable> table = plan.optional_table("overlap")) {
    overlap.tensor = table->flag_or("tensor", overlap.tensor);
    overlap.gradients = table->flag_or("gradients", overlap.gradients);
    overlap.parameters = table->flag_or("parameters", overlap.parameters);
    overlap.experts = table->flag_or("experts", overlap.experts);
    table->finish();
  }
  return overlap;
}

Recompute read_selective(TomlTable& plan) {
  Recompute recompute;
  if (std::optional<TomlTable> table = plan.optional_table("selective")) {
    recompute.norms = table->flag_or("norms", false);
    recompute.up_projections = table->flag_or("up_projections", false);
    recompute.swiglu = table->flag_or("activations", false);
    recompute.core_attention = table->flag_or("core_attention", false);
    recompute.shared_experts = table->flag_or("shared_experts", false);
    recompute.mlp = table->flag_or("mlp", false);
    table->finish();
  }
  return recompute;
}

ScheduleKind read_schedule(TomlTable& plan) {
  std::vector<std::string> words;
  words.reserve(all_schedule_kinds().size());
  for (const ScheduleKind kind : all_schedule_kinds()) {
    words.emplace_back(name(kind));
  }
  return schedule_kind(plan.word_or("schedule", "1f1b", words)).value_or(ScheduleKind::k1F1B);
}

/// Which kernels and which ways of communicating there are.
void read_kernels(TomlTable& plan, StackHabits& habits) {
  static const std::vector<std::string> kLosses = {"whole", "parallel", "fused"};
  static const std::vector<std::string> kContexts = {"all-gather", "ring"};
  const std::string loss = plan.word_or("loss", "whole", kLosses);
  habits.loss = loss == "whole"      ? Loss::kWhole
                : loss == "parallel" ? Loss::kParallel
                                     : Loss::kFused;
  habits.fused_attention = plan.flag_or("fused_attention", true);
  habits.dropout = plan.flag_or("dropout", false);
  habits.forwards_in_node = plan.flag_or("forwards_in_node", true);
  habits.context_exchange = plan.word_or("context_exchange", "all-gather", kContexts) == "ring"
                                ? ContextExchange::kRing
                                : ContextExchange::kAllGather;
}

void read_plan_habits(TomlTable& plan, StackHabits& habits) {
  static const std::vector<std::string> kPrecisions = {"bf16", "fp8", "fp8-block", "fp4"};
  static const std::vector<std::string> kStages = {"even", "balanced"};
  habits.precision =
      precision_of(plan.word_or("precision", "bf16", kPrecisions)).value_or(Precision::kBf16);
  habits.zero = static_cast<int>(plan.integer_or("zero", 1, {.least = 0, .most = 3}));
  habits.sequence_parallel = plan.flag_or("sequence_parallel", true);
  habits.overlap = read_overlap(plan);
  habits.moments = state_precision(plan, "moments");
  habits.gradients = state_precision(plan, "gradients");
  read_kernels(plan, habits);
  habits.experts_share_tensor = plan.flag_or("experts_share_tensor", false);
  habits.layers_per_stage =
      static_cast<int>(plan.integer_or("layers_per_stage", 0, {.least = 0, .most = 1000}));
  habits.schedule = read_schedule(plan);
  habits.stages = plan.word_or("stages", "even", kStages) == "balanced" ? StageHabit::kBalanced
                                                                        : StageHabit::kEven;
  habits.blocking_pipeline = plan.flag_or("blocking_pipeline", false);
  habits.communication_sms =
      static_cast<int>(plan.integer_or("communication_sms", 0, {.least = 0, .most = 1000}));
  habits.model_parallel = plan.flag_or("model_parallel", true);
  habits.tensor_parallel = plan.flag_or("tensor_parallel", habits.model_parallel);
  habits.selective = read_selective(plan);
  plan.finish();
}

KnownPlan read_known_plan(TomlTable& table) {
  const auto cell = [&table](std::string_view key) -> std::optional<std::int64_t> {
    if (!table.has(key)) {
      return std::nullopt;
    }
    return table.integer(key, {.least = 1, .most = 10'000'000, .example = 16});
  };
  KnownPlan known{.model = table.text("model", "DeepSeek-V3"),
                  .batch = cell("batch"),
                  .tensor = cell("tensor"),
                  .pipeline = cell("pipeline"),
                  .expert = cell("expert"),
                  .source = table.text("source", "who says so, where")};
  table.finish();
  return known;
}

void read_counting(TomlTable& table, StackHabits& habits) {
  static const std::vector<std::string> kCounts = {"full", "causal"};
  habits.attention = table.word_or("attention", "full", kCounts) == "causal"
                         ? AttentionCount::kCausal
                         : AttentionCount::kFull;
  habits.counts_recompute = table.flag_or("recompute", false);
  table.finish();
}

StackHabits read_stack(const std::string& path) {
  const TomlNode document = read_toml_file(path);
  Mistakes mistakes;
  TomlTable file(document, "", mistakes);
  StackHabits habits;
  habits.by_gpu = read_stacks_by_gpu(file);
  habits.stack = habits.by_gpu.usual;
  habits.error = file.number_or("error", 0.0, {.least = 0.0, .most = 1.0, .example = 0.1});
  habits.runs = words_or_none(file, document, "runs");
  habits.profiles = words_or_none(file, document, "profiles");
  if (std::optional<TomlTable> plan = file.optional_table("plan")) {
    read_plan_habits(*plan, habits);
  }
  for (TomlTable& known : file.tables("known_plan")) {
    habits.known_plans.push_back(read_known_plan(known));
  }
  if (std::optional<TomlTable> flop = file.optional_table("flop")) {
    read_counting(*flop, habits);
  }
  file.finish();
  mistakes.throw_if_any();
  return habits;
}

bool mentions_each(const std::string& text, const std::string& words) {
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    if (!mentions(text, word)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::vector<StackHabits> read_stacks(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() == ".toml") {
      files.push_back(file.path());
    }
  }
  if (files.empty()) {
    throw EnvironmentError("no software stacks in " + directory);
  }
  std::ranges::sort(files);
  std::vector<StackHabits> stacks;
  stacks.reserve(files.size());
  for (const fs::path& file : files) {
    stacks.push_back(read_stack(file.string()));
  }
  return stacks;
}

ChosenStack choose_stack(const std::vector<StackHabits>& stacks,
                         const PublishedRun& run,
                         const std::string& profile) {
  const std::string text = fmt::format("{} {} {}", run.source, run.model, run.confidence);
  const StackHabits* best = nullptr;
  std::size_t longest = 0;
  for (const StackHabits& stack : stacks) {
    for (const std::string& words : stack.runs) {
      if (words.size() > longest && mentions_each(text, words)) {
        best = &stack;
        longest = words.size();
      }
    }
  }
  if (best != nullptr) {
    return {.habits = best, .assumption = ""};
  }
  for (const StackHabits& stack : stacks) {
    if (std::ranges::find(stack.profiles, profile) != stack.profiles.end()) {
      return {.habits = &stack,
              .assumption = fmt::format("stack: {}, as most runs on this GPU", stack.stack.name)};
    }
  }
  return {
      .habits = &stacks.front(),
      .assumption = fmt::format("stack: {}, for want of a better one", stacks.front().stack.name)};
}

}  // namespace towtank
