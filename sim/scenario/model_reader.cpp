#include "sim/scenario/model_reader.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/scenario/divisors.hpp"

namespace towtank {
namespace {

// Upper bounds keep every product of sizes inside 64 bits; all are far beyond what exists.
constexpr std::int64_t kMostLayers = 10'000;
constexpr std::int64_t kMostWidth = 1 << 24;
constexpr std::int64_t kMostExperts = 65'536;
constexpr std::int64_t kMostTokens = 1 << 24;

constexpr IntegerRange width(std::int64_t example) {
  return {.least = 1, .most = kMostWidth, .example = example};
}

LatentAttention read_latent(TomlTable& table) {
  return {.heads = table.integer("heads", width(128)),
          .query_rank = table.integer("query_rank", {.most = kMostWidth, .example = 1536}),
          .key_value_rank = table.integer("key_value_rank", width(512)),
          .nope_head_dim = table.integer("nope_head_dim", width(128)),
          .rope_head_dim = table.integer("rope_head_dim", width(64)),
          .value_head_dim = table.integer("value_head_dim", width(128))};
}

/// As wide as the heads share the model's width evenly, unless it is given.
std::int64_t read_head_dim(TomlTable& table, std::int64_t hidden, std::int64_t heads) {
  if (table.has("head_dim") || !table.sound("heads")) {
    return table.integer_or("head_dim", 1, width(128));
  }
  if (hidden % heads != 0) {
    return table.integer("head_dim", width(128));
  }
  return table.integer_or("head_dim", hidden / heads, width(128));
}

GroupedAttention read_grouped(TomlTable& table, std::int64_t hidden) {
  const std::int64_t heads = table.integer("heads", width(32));
  table.integer_or(
      "chunk", kMostTokens, {.least = 1, .most = kMostTokens});  // the rules ask for it
  return {.heads = heads,
          .kv_heads = table.integer_or("kv_heads", heads, width(8)),
          .head_dim = read_head_dim(table, hidden, heads),
          .window = table.integer_or("window", 0, {.least = 1, .most = kMostTokens}),
          .full_every = table.integer_or("full_every", 0, {.least = 1, .most = kMostLayers}),
          .rotary = table.flag_or("rotary", true),
          .qkv_bias = table.flag_or("qkv_bias", false),
          .output_bias = table.flag_or("output_bias", false),
          .qk_norm = table.flag_or("qk_norm", false)};
}

Attention read_attention(TomlTable table, std::int64_t hidden) {
  static const std::array<std::string, 2> kKinds = {"mla", "gqa"};
  Attention attention;
  if (table.word("kind", kKinds) == "mla") {
    attention = read_latent(table);
  } else {
    attention = read_grouped(table, hidden);
  }
  if (table.sound("kind")) {  // otherwise nobody knows which keys belong
    table.finish();
  }
  return attention;
}

ExpertLayer read_moe(TomlTable table) {
  static const std::array<std::string, 2> kGatings = {"sigmoid", "softmax"};
  const auto count = [&table](std::string_view key, std::int64_t example) {
    return table.integer(key, {.least = 1, .most = kMostExperts, .example = example});
  };
  const auto count_or_1 = [&table](std::string_view key) {
    return table.integer_or(key, 1, {.least = 1, .most = kMostExperts});
  };
  const bool sigmoid = table.word("gating", kGatings) == "sigmoid";
  const ExpertLayer moe{
      .experts = count("experts", 256),
      .top_k = count("top_k", 8),
      .groups = count_or_1("groups"),
      .groups_per_token = count_or_1("groups_per_token"),
      .shared_experts = table.integer_or("shared_experts", 0, {.most = kMostExperts}),
      .intermediate = table.integer("intermediate", width(2048)),
      .shared_intermediate = table.integer_or("shared_intermediate", 0, width(2048)),
      .every = table.integer_or("every", 1, {.least = 1, .most = kMostLayers}),
      .bias = table.flag_or("router_bias", sigmoid)};
  table.finish();
  return moe;
}

void check_attention(const Architecture& model, Rules& rules) {
  const auto* grouped = std::get_if<GroupedAttention>(&model.attention);
  if (grouped == nullptr) {
    return;
  }
  rules.require(
      grouped->kv_heads <= grouped->heads && grouped->heads % grouped->kv_heads == 0,
      {"model.attention.kv_heads", "model.attention.heads"},
      fmt::format(
          "{} heads do not divide over {} key/value heads", grouped->heads, grouped->kv_heads),
      "one for each head, or for as many heads each");
  rules.require(!grouped->rotary || grouped->head_dim % 2 == 0,
                {"model.attention.head_dim"},
                fmt::format("a rotary head of {} has no pairs to rotate", grouped->head_dim),
                "an even head_dim, or rotary = false");
  rules.require(grouped->window > 0 || grouped->full_every == 0,
                {"model.attention.full_every", "model.attention.window"},
                "every layer sees everything without a window",
                "window = 4096, for example");
  rules.require(grouped->full_every <= model.layers,
                {"model.attention.full_every", "model.layers"},
                fmt::format("every {}-th of {} layers", grouped->full_every, model.layers),
                "leave it out where no layer sees everything");
}

void check_dense(const Architecture& model, Rules& rules) {
  rules.require(model.dense_layers == 0,
                {"model.dense_layers", "model.moe"},
                "a model without experts has a dense MLP in every layer",
                "leave dense_layers out, or describe the experts in [model.moe]");
}

void check_moe(const Architecture& model, Rules& rules) {
  const ExpertLayer& moe = model.moe;
  rules.require(layers_with_experts(model) > 0,
                {"model.moe.every", "model.layers", "model.dense_layers"},
                fmt::format("none of the {} layers after the dense ones is a {}-th",
                            model.layers - model.dense_layers,
                            moe.every));
  rules.require(moe.shared_intermediate == 0 || moe.shared_experts > 0,
                {"model.moe.shared_intermediate", "model.moe.shared_experts"},
                "a width of shared experts, but none of them",
                "shared_experts = 1");
  rules.require(moe.top_k <= moe.experts,
                {"model.moe.top_k", "model.moe.experts"},
                fmt::format("a token cannot visit {} of {} experts", moe.top_k, moe.experts),
                fmt::format("top_k = {} or less", moe.experts));
  rules.require(moe.experts % moe.groups == 0,
                {"model.moe.groups", "model.moe.experts"},
                fmt::format("{} experts do not divide into {} groups", moe.experts, moe.groups),
                fmt::format("groups = {} would do", divisors_around(moe.experts, moe.groups)));
  rules.require(
      moe.groups_per_token <= moe.groups,
      {"model.moe.groups_per_token", "model.moe.groups"},
      fmt::format("a token cannot visit {} of {} groups", moe.groups_per_token, moe.groups),
      fmt::format("groups_per_token = {} or less", moe.groups));
  const std::int64_t reachable = moe.experts / moe.groups * moe.groups_per_token;
  rules.require(
      moe.top_k <= reachable,
      {"model.moe.top_k", "model.moe.experts", "model.moe.groups", "model.moe.groups_per_token"},
      fmt::format("a token visits {} experts, but the {} groups it may choose hold {}",
                  moe.top_k,
                  moe.groups_per_token,
                  reachable),
      fmt::format("top_k = {} or less", reachable));
}

}  // namespace

Architecture read_model(TomlTable table) {
  static const std::array<std::string, 2> kMlps = {"gated", "plain"};
  static const std::array<std::string, 2> kNorms = {"rms", "layer"};
  const std::int64_t hidden = table.integer("hidden", width(7168));
  Architecture model{
      .name = table.text("name", "DeepSeek-V3"),
      .layers = table.integer("layers", {.least = 1, .most = kMostLayers, .example = 61}),
      .dense_layers = table.integer_or("dense_layers", 0, {.most = kMostLayers}),
      .hidden = hidden,
      .dense_intermediate = table.integer_or("dense_intermediate", 0, width(18432)),
      .vocabulary = table.integer("vocabulary", width(129280)),
      .mtp_modules = table.integer_or("mtp_modules", 0, {.most = 16}),
      .gated_mlp = table.word_or("mlp", "gated", kMlps) == "gated",
      .mlp_bias = table.flag_or("mlp_bias", false),
      .layer_norm = table.word_or("norm", "rms", kNorms) == "layer",
      .tied_embeddings = table.flag_or("tied_embeddings", false),
      .learned_positions =
          table.integer_or("learned_positions", 0, {.least = 1, .most = kMostTokens}),
      .attention = read_attention(table.table("attention", "attention.kind = \"gqa\""), hidden),
      .moe = {}};
  if (auto moe = table.optional_table("moe")) {
    model.moe = read_moe(std::move(*moe));
  }
  const bool dense_somewhere = layers_with_experts(model) < model.layers;
  if (dense_somewhere && !table.has("dense_intermediate") && table.sound("moe")) {
    model.dense_intermediate = table.integer("dense_intermediate", width(18432));
  }
  table.finish();
  return model;
}

void check_model(const Architecture& model, Rules& rules) {
  rules.require(
      model.dense_layers <= model.layers,
      {"model.dense_layers", "model.layers"},
      fmt::format("{} dense layers in a model of {} layers", model.dense_layers, model.layers));
  check_attention(model, rules);
  if (model.moe.experts == 0) {
    check_dense(model, rules);
  } else {
    check_moe(model, rules);
  }
}

std::int64_t longest_modelled_sequence(const TomlNode& document) {
  const TomlNode* node = &document;
  for (const char* key : {"model", "attention", "chunk"}) {
    const TomlMember* const member = find_member(*node, key);
    if (member == nullptr) {
      return 0;
    }
    node = &member->node;
  }
  const auto* chunk = std::get_if<std::int64_t>(&node->value);
  return chunk == nullptr ? 0 : *chunk;
}

}  // namespace towtank
