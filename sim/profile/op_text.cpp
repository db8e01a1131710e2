#include "sim/profile/op_text.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace towtank {
namespace {

/// An integer of a shape, and how files call it.
template <typename Shape>
struct Size {
  std::string_view key;
  std::int64_t Shape::*member;
  bool optional = false;  // left out where it is what a shape has by default
};

constexpr Size<GemmShape> kGemmSizes[] = {{"m", &GemmShape::m},
                                          {"n", &GemmShape::n},
                                          {"k", &GemmShape::k},
                                          {"groups", &GemmShape::groups, true}};
constexpr Size<AttentionShape> kAttentionSizes[] = {{"batch", &AttentionShape::batch},
                                                    {"heads", &AttentionShape::heads},
                                                    {"query", &AttentionShape::query},
                                                    {"context", &AttentionShape::context},
                                                    {"qk_dim", &AttentionShape::qk_dim},
                                                    {"v_dim", &AttentionShape::v_dim},
                                                    {"kv_heads", &AttentionShape::kv_heads, true},
                                                    {"window", &AttentionShape::window, true}};
constexpr Size<SweepShape> kSweepSizes[] = {{"rows", &SweepShape::rows},
                                            {"columns", &SweepShape::columns}};
constexpr Size<MoeShape> kMoeSizes[] = {{"tokens", &MoeShape::tokens},
                                        {"hidden", &MoeShape::hidden},
                                        {"intermediate", &MoeShape::intermediate},
                                        {"topk", &MoeShape::topk},
                                        {"experts", &MoeShape::experts},
                                        {"tensor_parallel", &MoeShape::tensor_parallel, true},
                                        {"expert_parallel", &MoeShape::expert_parallel, true}};
constexpr Size<CollectiveShape> kCollectiveSizes[] = {{"ranks", &CollectiveShape::ranks},
                                                      {"nodes", &CollectiveShape::nodes, true},
                                                      {"bytes", &CollectiveShape::bytes}};
constexpr Size<ExchangeShape> kExchangeSizes[] = {{"ranks", &ExchangeShape::ranks},
                                                  {"nodes", &ExchangeShape::nodes, true},
                                                  {"tokens", &ExchangeShape::tokens},
                                                  {"hidden", &ExchangeShape::hidden},
                                                  {"topk", &ExchangeShape::topk},
                                                  {"experts", &ExchangeShape::experts}};

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  names.reserve(all_op_kinds().size());
  for (const OpKind kind : all_op_kinds()) {
    names.emplace_back(name(kind));
  }
  return names;
}

std::vector<std::string> precision_names() {
  std::vector<std::string> names;
  names.reserve(all_precisions().size());
  for (const Precision precision : all_precisions()) {
    names.emplace_back(name(precision));
  }
  return names;
}

OpKind kind_named(std::string_view word) {
  return *std::ranges::find_if(all_op_kinds(), [word](OpKind kind) { return name(kind) == word; });
}

Precision precision_named(std::string_view word) {
  return *std::ranges::find_if(all_precisions(),
                               [word](Precision precision) { return name(precision) == word; });
}

template <typename Shape>
Shape read_sizes(TomlTable& table, OpKind kind, std::span<const Size<Shape>> sizes) {
  const Shape example = std::get<Shape>(example_op(kind).shape);
  Shape shape;
  for (const Size<Shape>& size : sizes) {
    const IntegerRange range = {.least = 1,
                                .example = std::max<std::int64_t>(example.*size.member, 1)};
    shape.*size.member = size.optional ? table.integer_or(size.key, shape.*size.member, range)
                                       : table.integer(size.key, range);
  }
  return shape;
}

/// Reports a size that must be a multiple of another, if both were read.
void check_divides(TomlTable& table,
                   std::string_view whole_key,
                   std::int64_t whole,
                   std::string_view part_key,
                   std::int64_t part) {
  if (table.sound(whole_key) && table.sound(part_key) && part > 0 && whole % part != 0) {
    table.mistake(
        part_key,
        fmt::format("{} = {} is not a multiple of {} = {}", whole_key, whole, part_key, part));
  }
}

void check_choice(TomlTable& table, std::int64_t topk, std::int64_t experts) {
  if (table.sound("topk") && table.sound("experts") && topk > experts) {
    table.mistake("topk", fmt::format("{} of {} experts cannot be chosen", topk, experts));
  }
}

OpShape read_gemm_shape(TomlTable& table, OpKind kind) {
  const std::span<const Size<GemmShape>> sizes = kGemmSizes;
  return read_sizes(table, kind, kind == OpKind::kGemm ? sizes.first(3) : sizes);
}

/// Kinds of which only the multiplication of scores is meant; the others mask as their model does.
bool states_causal(OpKind kind) {
  return kind == OpKind::kAttentionForward || kind == OpKind::kAttentionBackward;
}

OpShape read_attention_shape(TomlTable& table, OpKind kind) {
  auto shape = read_sizes<AttentionShape>(table, kind, kAttentionSizes);
  shape.causal = states_causal(kind) ? table.flag("causal") : table.flag_or("causal", true);
  shape.kv_precision = precision_named(
      table.word_or("kv_precision", std::string(name(shape.kv_precision)), precision_names()));
  shape.spread = table.flag_or("spread", false);
  check_divides(table, "heads", shape.heads, "kv_heads", shape.kv_heads);
  return shape;
}

OpShape read_moe_shape(TomlTable& table, OpKind kind) {
  auto shape = read_sizes<MoeShape>(table, kind, kMoeSizes);
  shape.skew = table.number_or("skew", 0.0, {.least = 0.0, .most = 10.0, .example = 1.2});
  shape.gated = table.flag_or("gated", true);
  check_choice(table, shape.topk, shape.experts);
  return shape;
}

OpShape read_shape(TomlTable& table, OpKind kind) {
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return read_gemm_shape(table, kind);
    case ShapeForm::kAttention:
      return read_attention_shape(table, kind);
    case ShapeForm::kSweep:
      return read_sizes<SweepShape>(table, kind, kSweepSizes);
    case ShapeForm::kMoe:
      return read_moe_shape(table, kind);
    case ShapeForm::kCollective: {
      const auto shape = read_sizes<CollectiveShape>(table, kind, kCollectiveSizes);
      check_divides(table, "ranks", shape.ranks, "nodes", shape.nodes);
      return shape;
    }
    case ShapeForm::kExchange: {
      const auto shape = read_sizes<ExchangeShape>(table, kind, kExchangeSizes);
      check_divides(table, "ranks", shape.ranks, "nodes", shape.nodes);
      check_choice(table, shape.topk, shape.experts);
      return shape;
    }
  }
  return {};
}

/// A key of a shape and its value, as TOML has it.
struct Entry {
  std::string_view key;
  std::string value;
};

template <typename Shape>
std::vector<Entry> size_entries(const Shape& shape, std::span<const Size<Shape>> sizes) {
  std::vector<Entry> entries;
  entries.reserve(sizes.size() + 3);
  for (const Size<Shape>& size : sizes) {
    if (!size.optional || shape.*size.member != Shape{}.*size.member) {
      entries.push_back({size.key, std::to_string(shape.*size.member)});
    }
  }
  return entries;
}

std::vector<Entry> attention_entries(OpKind kind, const AttentionShape& shape) {
  std::vector<Entry> entries = size_entries<AttentionShape>(shape, kAttentionSizes);
  if (states_causal(kind) || !shape.causal) {
    const auto after_v_dim = entries.begin() + 6;
    entries.insert(after_v_dim, {"causal", shape.causal ? "true" : "false"});
  }
  if (shape.kv_precision != Precision::kBf16) {
    entries.push_back({"kv_precision", fmt::format("\"{}\"", name(shape.kv_precision))});
  }
  if (shape.spread) {
    entries.push_back({"spread", "true"});
  }
  return entries;
}

std::vector<Entry> moe_entries(const MoeShape& shape) {
  std::vector<Entry> entries = size_entries<MoeShape>(shape, kMoeSizes);
  if (shape.skew != 0.0) {
    entries.push_back({"skew", fmt::format("{}", shape.skew)});
  }
  if (!shape.gated) {
    entries.push_back({"gated", "false"});
  }
  return entries;
}

std::vector<Entry> entries_of(const Op& op) {
  switch (shape_form(op.kind)) {
    case ShapeForm::kGemm:
      return size_entries<GemmShape>(std::get<GemmShape>(op.shape), kGemmSizes);
    case ShapeForm::kAttention:
      return attention_entries(op.kind, std::get<AttentionShape>(op.shape));
    case ShapeForm::kSweep:
      return size_entries<SweepShape>(std::get<SweepShape>(op.shape), kSweepSizes);
    case ShapeForm::kMoe:
      return moe_entries(std::get<MoeShape>(op.shape));
    case ShapeForm::kCollective:
      return size_entries<CollectiveShape>(std::get<CollectiveShape>(op.shape), kCollectiveSizes);
    case ShapeForm::kExchange:
      return size_entries<ExchangeShape>(std::get<ExchangeShape>(op.shape), kExchangeSizes);
  }
  return {};
}

std::string shape_text(const Op& op) {
  std::string text;
  for (const Entry& entry : entries_of(op)) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", entry.key, entry.value);
  }
  return fmt::format("shape = {{{}}}", text);
}

AttentionShape example_attention(OpKind kind) {
  AttentionShape shape = {
      .batch = 1, .heads = 128, .query = 4096, .context = 4096, .qk_dim = 192, .v_dim = 128};
  if (kind == OpKind::kAttentionDecode) {
    return {.batch = 64,
            .heads = 32,
            .query = 1,
            .context = 4096,
            .qk_dim = 128,
            .v_dim = 128,
            .kv_heads = 8};
  }
  if (family(kind) == OpFamily::kDecodeAttention) {  // MLA's latent vector
    return {.batch = 64,
            .heads = 128,
            .query = 1,
            .context = 4096,
            .qk_dim = 576,
            .v_dim = 512,
            .kv_heads = 1};
  }
  return shape;
}

OpShape example_shape(OpKind kind) {
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return kind == OpKind::kGemm ? GemmShape{.m = 4096, .n = 7168, .k = 16384}
                                   : GemmShape{.m = 32768, .n = 4096, .k = 7168, .groups = 8};
    case ShapeForm::kAttention:
      return example_attention(kind);
    case ShapeForm::kSweep:
      return SweepShape{.rows = 4096, .columns = 7168};
    case ShapeForm::kMoe:
      return MoeShape{.tokens = 4096,
                      .hidden = 7168,
                      .intermediate = 2048,
                      .topk = 8,
                      .experts = 256,
                      .expert_parallel = 8};
    case ShapeForm::kCollective:
      return CollectiveShape{.ranks = 8, .bytes = 67108864};
    case ShapeForm::kExchange:
      return ExchangeShape{.ranks = 8, .tokens = 4096, .hidden = 7168, .topk = 8, .experts = 256};
  }
  return {};
}

}  // namespace

Op read_op(TomlTable& table) {
  const OpKind kind = kind_named(table.word("op", kind_names()));
  const Precision precision = precision_named(table.word("precision", precision_names()));
  if (!table.sound("op")) {  // which shape it should have is not known
    table.optional_table("shape");
    return {.kind = kind, .precision = precision, .shape = GemmShape{.m = 1, .n = 1, .k = 1}};
  }
  TomlTable shape = table.table("shape", shape_text(example_op(kind)));
  const Op op = {.kind = kind, .precision = precision, .shape = read_shape(shape, kind)};
  shape.finish();
  return op;
}

std::string op_text(const Op& op) {
  return fmt::format(
      "op = \"{}\"\nprecision = \"{}\"\n{}\n", name(op.kind), name(op.precision), shape_text(op));
}

std::string op_sizes_text(const Op& op) {
  std::string text;
  for (const Entry& entry : entries_of(op)) {
    std::string value = entry.value;
    std::erase(value, '"');
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", entry.key, value);
  }
  return text;
}

Op example_op(OpKind kind) {
  return {.kind = kind, .precision = Precision::kBf16, .shape = example_shape(kind)};
}

}  // namespace towtank
