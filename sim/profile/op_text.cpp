#include "sim/profile/op_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

namespace towtank {
namespace {

constexpr std::array kPrecisions = {Precision::kFp8Block, Precision::kBf16, Precision::kFp32};

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
  names.reserve(kPrecisions.size());
  for (const Precision precision : kPrecisions) {
    names.emplace_back(name(precision));
  }
  return names;
}

OpKind kind_named(std::string_view word) {
  return *std::ranges::find_if(all_op_kinds(), [word](OpKind kind) { return name(kind) == word; });
}

Precision precision_named(std::string_view word) {
  return *std::ranges::find_if(kPrecisions,
                               [word](Precision precision) { return name(precision) == word; });
}

std::int64_t size(TomlTable& shape, std::string_view key, std::int64_t example) {
  return shape.integer(key, {.least = 1, .example = example});
}

GemmShape read_gemm_shape(TomlTable& shape, bool grouped) {
  return {.m = size(shape, "m", 4096),
          .n = size(shape, "n", 7168),
          .k = size(shape, "k", 16384),
          .groups = grouped ? shape.integer_or("groups", 1, {.least = 1, .example = 8}) : 1};
}

AttentionShape read_attention_shape(TomlTable& shape) {
  return {.batch = size(shape, "batch", 1),
          .heads = size(shape, "heads", 128),
          .query = size(shape, "query", 4096),
          .context = size(shape, "context", 4096),
          .qk_dim = size(shape, "qk_dim", 192),
          .v_dim = size(shape, "v_dim", 128),
          .causal = shape.flag("causal")};
}

SweepShape read_sweep_shape(TomlTable& shape) {
  return {.rows = size(shape, "rows", 4096), .columns = size(shape, "columns", 7168)};
}

OpShape read_shape(TomlTable& shape, OpKind kind) {
  switch (family(kind)) {
    case OpFamily::kGemm:
      return read_gemm_shape(shape, false);
    case OpFamily::kGroupedGemm:
    case OpFamily::kWeightGemm:
      return read_gemm_shape(shape, true);
    case OpFamily::kAttention:
      return read_attention_shape(shape);
    case OpFamily::kMemoryBound:
      return read_sweep_shape(shape);
  }
  return {};
}

std::string_view example_shape(OpKind kind) {
  switch (family(kind)) {
    case OpFamily::kGemm:
      return "shape = {m = 4096, n = 7168, k = 16384}";
    case OpFamily::kGroupedGemm:
    case OpFamily::kWeightGemm:
      return "shape = {m = 32768, n = 4096, k = 7168, groups = 8}";
    case OpFamily::kAttention:
      return "shape = {batch = 1, heads = 128, query = 4096, context = 4096, qk_dim = 192, "
             "v_dim = 128, causal = true}";
    case OpFamily::kMemoryBound:
      return "shape = {rows = 4096, columns = 7168}";
  }
  return "";
}

std::string shape_text(const OpShape& shape) {
  if (const GemmShape* gemm = std::get_if<GemmShape>(&shape)) {
    return fmt::format("{{m = {}, n = {}, k = {}{}}}",
                       gemm->m,
                       gemm->n,
                       gemm->k,
                       gemm->groups == 1 ? "" : fmt::format(", groups = {}", gemm->groups));
  }
  if (const AttentionShape* attention = std::get_if<AttentionShape>(&shape)) {
    return fmt::format(
        "{{batch = {}, heads = {}, query = {}, context = {}, qk_dim = {}, v_dim = {}, causal = "
        "{}}}",
        attention->batch,
        attention->heads,
        attention->query,
        attention->context,
        attention->qk_dim,
        attention->v_dim,
        attention->causal);
  }
  const SweepShape& sweep = std::get<SweepShape>(shape);
  return fmt::format("{{rows = {}, columns = {}}}", sweep.rows, sweep.columns);
}

}  // namespace

Op read_op(TomlTable& table) {
  const OpKind kind = kind_named(table.word("op", kind_names()));
  const Precision precision = precision_named(table.word("precision", precision_names()));
  if (!table.sound("op")) {  // which shape it should have is not known
    table.optional_table("shape");
    return {.kind = kind, .precision = precision, .shape = GemmShape{.m = 1, .n = 1, .k = 1}};
  }
  TomlTable shape = table.table("shape", example_shape(kind));
  const Op op = {.kind = kind, .precision = precision, .shape = read_shape(shape, kind)};
  shape.finish();
  return op;
}

std::string op_text(const Op& op) {
  return fmt::format("op = \"{}\"\nprecision = \"{}\"\nshape = {}\n",
                     name(op.kind),
                     name(op.precision),
                     shape_text(op.shape));
}

}  // namespace towtank
