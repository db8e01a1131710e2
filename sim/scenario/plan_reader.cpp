#include "sim/scenario/plan_reader.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sim/scenario/collective_reader.hpp"

namespace towtank {
namespace {

// Upper bounds keep every product of sizes inside 64 bits; all are far beyond what exists.
constexpr std::int64_t kMostLayers = 10'000;
constexpr std::int64_t kMostRanks = 1 << 22;
constexpr std::int64_t kMostExperts = 65'536;

int to_int(std::int64_t value) {
  return static_cast<int>(value);
}

int read_zero_stage(TomlTable& table) {
  constexpr std::int64_t kLast = 3;
  const std::int64_t stage = table.integer("zero", {.most = 1'000, .example = 1});
  if (stage > kLast) {
    table.mistake("zero",
                  fmt::format("there is no ZeRO stage {}", stage),
                  "0: nothing is sharded; 1: optimizer states; 2: gradients as well; 3: parameters "
                  "as well (FSDP)");
  }
  return to_int(std::min(stage, kLast));
}

/// A word of plan.precision. Formats that store a number in as many bytes and multiply at one rate
/// are one.
struct PrecisionWord {
  std::string_view word;
  Precision precision;
};

constexpr std::array kPrecisions = {
    PrecisionWord{"fp8-block", Precision::kFp8Block},
    PrecisionWord{"bf16", Precision::kBf16},
    PrecisionWord{"fp8", Precision::kFp8},
    PrecisionWord{"nvfp4", Precision::kFp4},
    PrecisionWord{"fp16", Precision::kBf16},
    PrecisionWord{"mxfp8", Precision::kFp8},  // tensor cores scale its blocks themselves
    PrecisionWord{"fp4", Precision::kFp4},
};

Precision read_precision(TomlTable& table) {
  std::vector<std::string> words;
  words.reserve(kPrecisions.size());
  for (const PrecisionWord& entry : kPrecisions) {
    words.emplace_back(entry.word);
  }
  const std::string word = table.word("precision", words);
  return std::ranges::find(kPrecisions, word, &PrecisionWord::word)->precision;
}

/// FP32 or BF16, of what optimizers keep.
Precision read_state_precision(TomlTable& table, std::string_view key) {
  static const std::vector<std::string> kWords = {"fp32", "bf16"};
  return table.word_or(key, "fp32", kWords) == "bf16" ? Precision::kBf16 : Precision::kFp32;
}

/// A word of plan.loss.
struct LossWord {
  std::string_view word;
  Loss loss;
};

constexpr std::array kLosses = {
    LossWord{"whole", Loss::kWhole},
    LossWord{"parallel", Loss::kParallel},
    LossWord{"fused", Loss::kFused},
};

Loss read_loss(TomlTable& table) {
  std::vector<std::string> words;
  words.reserve(kLosses.size());
  for (const LossWord& entry : kLosses) {
    words.emplace_back(entry.word);
  }
  const std::string word = table.word_or("loss", "whole", words);
  return std::ranges::find(kLosses, word, &LossWord::word)->loss;
}

/// A word of plan.recompute, and what it switches on.
struct RecomputeWord {
  std::string_view word;
  bool Recompute::*flag;
};

/// The first word of each is the one that is shown.
constexpr std::array kRecomputes = {
    RecomputeWord{"norms", &Recompute::norms},
    RecomputeWord{"swiglu", &Recompute::swiglu},
    RecomputeWord{"up-projections", &Recompute::up_projections},
    RecomputeWord{"core-attention", &Recompute::core_attention},
    RecomputeWord{"shared-experts", &Recompute::shared_experts},
    RecomputeWord{"mlp", &Recompute::mlp},
    RecomputeWord{"layers", &Recompute::layers},
    RecomputeWord{"activation", &Recompute::swiglu},
    RecomputeWord{"full", &Recompute::layers},
};

Recompute read_recompute(TomlTable& table) {
  std::vector<std::string> known;
  known.reserve(kRecomputes.size());
  for (const RecomputeWord& entry : kRecomputes) {
    known.emplace_back(entry.word);
  }
  const std::vector<std::string> words = table.words("recompute", known);
  Recompute recompute;
  for (const RecomputeWord& entry : kRecomputes) {
    if (std::ranges::find(words, entry.word) != words.end()) {
      recompute.*(entry.flag) = true;
    }
  }
  return recompute;
}

ScheduleKind read_schedule(TomlTable& table) {
  constexpr std::array kKinds = {ScheduleKind::k1F1B,
                                 ScheduleKind::kGpipe,
                                 ScheduleKind::kInterleaved1F1B,
                                 ScheduleKind::kZb1p,
                                 ScheduleKind::kDualPipe,
                                 ScheduleKind::kDualPipeV};
  std::vector<std::string> words;
  words.reserve(kKinds.size());
  for (const ScheduleKind kind : kKinds) {
    words.emplace_back(name(kind));
  }
  const std::string word = table.word("schedule", words);
  return kKinds.at(static_cast<std::size_t>(std::ranges::find(words, word) - words.begin()));
}

Overlap read_overlap(TomlTable& plan) {
  auto table = plan.optional_table("overlap");
  if (!table) {
    return {};
  }
  const Overlap usual;
  Overlap overlap{.tensor = table->flag_or("tensor", usual.tensor),
                  .gradients = table->flag_or("gradients", usual.gradients),
                  .parameters = table->flag_or("parameters", usual.parameters),
                  .experts = table->flag_or("experts", usual.experts)};
  table->finish();
  return overlap;
}

/// How many ranks share a layer's experts; there is nothing to share in a dense model.
int read_expert_ranks(TomlTable& table, bool dense) {
  const IntegerRange range{.least = 1, .most = kMostExperts, .example = 64};
  return to_int(dense ? table.integer_or("expert", 1, range) : table.integer("expert", range));
}

}  // namespace

TrainingPlan read_plan(TomlTable table, const Architecture& model) {
  const auto degree_or_1 = [&table](std::string_view key, std::int64_t most) {
    return to_int(table.integer_or(key, 1, {.least = 1, .most = most}));
  };
  TrainingPlan plan;
  plan.pipeline =
      to_int(table.integer("pipeline", {.least = 1, .most = kMostLayers, .example = 16}));
  plan.data = degree_or_1("data", kMostRanks);
  plan.tensor = degree_or_1("tensor", kMostRanks);
  plan.expert = read_expert_ranks(table, model.moe.experts == 0);
  plan.expert_tensor = degree_or_1("expert_tensor", kMostRanks);
  plan.context = degree_or_1("context", kMostRanks);
  static const std::vector<std::string> kExchanges = {
      std::string(context_word(ContextExchange::kAllGather)),
      std::string(context_word(ContextExchange::kRing))};
  const bool ring = table.word_or("context_exchange", kExchanges[0], kExchanges) == kExchanges[1];
  plan.context_exchange = ring ? ContextExchange::kRing : ContextExchange::kAllGather;
  plan.shard = to_int(table.integer_or("shard", 0, {.least = 1, .most = kMostRanks}));
  plan.sequence_parallel = table.flag_or("sequence_parallel", true);
  plan.schedule = read_schedule(table);
  plan.interleave = degree_or_1("interleave", 1'000);
  for (const std::int64_t layers :
       table.integers_or_none("stage_layers", {.least = 1, .most = kMostLayers})) {
    plan.stage_layers.push_back(to_int(layers));
  }
  plan.micro_batch = degree_or_1("micro_batch", 65'536);
  plan.zero_stage = read_zero_stage(table);
  plan.collectives =
      read_collectives(table, {.zero_stage = plan.zero_stage, .in_groups = plan.shard > 0});
  plan.overlap = read_overlap(table);
  plan.recipe.gemm = read_precision(table);
  plan.recipe.recompute = read_recompute(table);
  plan.recipe.moments = read_state_precision(table, "moments");
  plan.recipe.gradients = read_state_precision(table, "gradients");
  plan.recipe.loss = read_loss(table);
  plan.recipe.fused_attention = table.flag_or("fused_attention", true);
  plan.recipe.dropout = table.flag_or("dropout", false);
  static const std::vector<std::string> kDispatches = {std::string(dispatch_word(true)),
                                                       std::string(dispatch_word(false))};
  plan.forwards_in_node = table.word_or("dispatch", kDispatches[0], kDispatches) == kDispatches[0];
  plan.blocking_pipeline = table.flag_or("blocking_pipeline", false);
  plan.communication_sms =
      to_int(table.integer("communication_sms", {.most = 1'000, .example = 20}));
  table.finish();
  return plan;
}

std::string precision_word(Precision precision) {
  const auto* const found = std::ranges::find(kPrecisions, precision, &PrecisionWord::precision);
  return std::string(found == kPrecisions.end() ? name(precision) : found->word);
}

std::string loss_word(Loss loss) {
  return std::string(std::ranges::find(kLosses, loss, &LossWord::loss)->word);
}

std::vector<std::string> recompute_words(const Recompute& recompute) {
  std::vector<std::string> words;
  words.reserve(kRecomputes.size());
  for (const RecomputeWord& entry : kRecomputes) {
    const bool shown_already =
        std::ranges::find(kRecomputes, entry.flag, &RecomputeWord::flag)->word != entry.word;
    if (recompute.*(entry.flag) && !shown_already) {
      words.emplace_back(entry.word);
    }
  }
  return words;
}

}  // namespace towtank
