#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "sim/profile/tables/kernel_library.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

// Head sizes of DeepSeek-V3's MLA: expanded, as prefill multiplies them, and absorbed.
constexpr std::int64_t kMlaQk = 192;
constexpr std::int64_t kMlaV = 128;
constexpr std::int64_t kMlaLatentQk = 576;
constexpr std::int64_t kMlaLatentV = 512;

/// Where a sequence stands: `isl` queries after `step` tokens.
struct SequenceColumns {
  std::size_t batch;
  std::size_t isl;
  std::size_t step;
  std::size_t heads;
  std::size_t kv_dtype;
  std::size_t latency;
};

SequenceColumns sequence_columns(const TableRows& rows) {
  return {.batch = rows.column("batch_size"),
          .isl = rows.column("isl"),
          .step = rows.column("step"),
          .heads = rows.column("num_heads"),
          .kv_dtype = rows.column("kv_cache_dtype"),
          .latency = rows.column("latency")};
}

/// The shape without its head sizes. Decoding asks one query, and `isl` counts to the context.
AttentionShape sequence_shape(TableRows& rows, const SequenceColumns& columns, bool decode) {
  const std::int64_t isl = rows.whole(columns.isl);
  AttentionShape shape;
  shape.batch = rows.whole(columns.batch);
  shape.heads = rows.whole(columns.heads);
  shape.query = decode ? 1 : isl;
  shape.context = isl + rows.whole(columns.step, 0);
  shape.kv_precision = rows.precision(columns.kv_dtype);
  return shape;
}

void read_attention(TableRows& rows, const TableName& name, bool decode) {
  const SequenceColumns sequence = sequence_columns(rows);
  const std::size_t kv_heads = rows.column("num_key_value_heads");
  const std::size_t head_dim = rows.column("head_dim");
  const std::size_t dtype = rows.column("attn_dtype");
  const std::optional<std::size_t> window = rows.find_column("window_size");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    AttentionShape shape = sequence_shape(rows, sequence, decode);
    shape.kv_heads = rows.whole(kv_heads, 0);
    shape.qk_dim = rows.whole(head_dim);
    shape.v_dim = shape.qk_dim;
    shape.window = window ? rows.whole(*window, 0) : 0;
    if (shape.kv_heads > shape.heads) {
      rows.reject(fmt::format("{} kv heads for {} heads", shape.kv_heads, shape.heads));
    }
    const Op op = {.kind = decode ? OpKind::kAttentionDecode : OpKind::kAttentionForward,
                   .precision = rows.precision(dtype),
                   .shape = shape};
    rows.add(op, library.of_row(rows), rows.positive(sequence.latency) * millisecond);
  }
}

void set_mla_heads(AttentionShape& shape, bool decode) {
  shape.qk_dim = decode ? kMlaLatentQk : kMlaQk;
  shape.v_dim = decode ? kMlaLatentV : kMlaV;
  shape.kv_heads = decode ? 1 : 0;
}

void read_mla(TableRows& rows, const TableName& name, bool decode) {
  const SequenceColumns sequence = sequence_columns(rows);
  const std::size_t dtype = rows.column("mla_dtype");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    AttentionShape shape = sequence_shape(rows, sequence, decode);
    set_mla_heads(shape, decode);
    const Op op = {.kind = decode ? OpKind::kMlaDecode : OpKind::kAttentionForward,
                   .precision = rows.precision(dtype),
                   .shape = shape};
    rows.add(op, library.of_row(rows), rows.positive(sequence.latency) * millisecond);
  }
}

/// Blocks of other sizes than DeepSeek-V3's, or with sparse attention, are other ops.
bool is_deepseek_v3(std::string_view model) {
  return (model.find("DeepSeek-V3") != std::string_view::npos ||
          model.find("DeepSeek-R1") != std::string_view::npos) &&
         model.find("V3.2") == std::string_view::npos;
}

/// The precision of a block is that of its projections.
void read_mla_block(TableRows& rows, const TableName& name, bool decode) {
  const SequenceColumns sequence = sequence_columns(rows);
  const std::size_t dtype = rows.column("gemm_type");
  const std::optional<std::size_t> model = rows.find_column("model");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    if (model && !is_deepseek_v3(rows.word(*model))) {
      rows.skip(fmt::format("block of {}: only DeepSeek-V3's is known", rows.word(*model)));
    }
    AttentionShape shape = sequence_shape(rows, sequence, decode);
    set_mla_heads(shape, decode);
    const Op op = {.kind = decode ? OpKind::kMlaBlockDecode : OpKind::kMlaBlockPrefill,
                   .precision = rows.precision(dtype),
                   .shape = shape};
    rows.add(op, library.of_row(rows), rows.positive(sequence.latency) * millisecond);
  }
}

template <void read(TableRows&, const TableName&, bool), bool decode>
void read_as(TableRows& rows, const TableName& name) {
  read(rows, name, decode);
}

double number_or_zero(std::string_view text) {
  double value = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Each row asks one query, of which some have a past.
bool steps_through_sequences(const CsvText& csv, const TableName& /*name*/) {
  const std::size_t isl = *csv.find_column("isl");
  const std::size_t step = *csv.find_column("step");
  bool any_past = false;
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    if (csv.field(row, isl) != "1") {
      return false;
    }
    any_past = any_past || csv.field(row, step) != "0";
  }
  return any_past;
}

bool takes_whole_sequences(const CsvText& csv, const TableName& name) {
  return !steps_through_sequences(csv, name);
}

/// Tables of whole blocks may give the past as isl. Then a row that was prefill would have run at a
/// rate that no GPU has.
bool decodes(const CsvText& csv, const TableName& name) {
  constexpr double kNoGpu = 20e15;  // FLOP/s; a B200 does 4.5e15 in FP8
  if (steps_through_sequences(csv, name)) {
    return true;
  }
  const std::size_t batch = *csv.find_column("batch_size");
  const std::size_t isl = *csv.find_column("isl");
  const std::size_t heads = *csv.find_column("num_heads");
  const std::size_t latency = *csv.find_column("latency");
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    const double queries = number_or_zero(csv.field(row, isl));
    const double causal_flop = number_or_zero(csv.field(row, batch)) * queries * queries *
                               number_or_zero(csv.field(row, heads)) *
                               static_cast<double>(kMlaQk + kMlaV);
    if (causal_flop > kNoGpu * 1e-3 * number_or_zero(csv.field(row, latency))) {
      return true;
    }
  }
  return false;
}

bool prefills(const CsvText& csv, const TableName& name) {
  return !decodes(csv, name);
}

}  // namespace

std::vector<TableLayout> attention_layouts() {
  const std::vector<std::string_view> attention = {"batch_size",
                                                   "isl",
                                                   "num_heads",
                                                   "num_key_value_heads",
                                                   "head_dim",
                                                   "attn_dtype",
                                                   "kv_cache_dtype",
                                                   "step",
                                                   "latency"};
  const std::vector<std::string_view> mla = {
      "mla_dtype", "kv_cache_dtype", "num_heads", "batch_size", "isl", "step", "latency"};
  std::vector<std::string_view> block = mla;
  block.emplace_back("gemm_type");
  return {
      {.kind = "context_attention_perf",
       .ops = {OpKind::kAttentionForward},
       .columns = attention,
       .op_names = {"context_attention"},
       .fits = takes_whole_sequences,
       .read = read_as<read_attention, false>},
      {.kind = "generation_attention_perf",
       .ops = {OpKind::kAttentionDecode},
       .columns = attention,
       .op_names = {"generation_attention"},
       .fits = steps_through_sequences,
       .read = read_as<read_attention, true>},
      {.kind = "context_mla_perf",
       .ops = {OpKind::kAttentionForward},
       .columns = mla,
       .op_names = {"mla_context"},
       .fits = takes_whole_sequences,
       .read = read_as<read_mla, false>},
      {.kind = "generation_mla_perf",
       .ops = {OpKind::kMlaDecode},
       .columns = mla,
       .op_names = {"mla_generation"},
       .fits = steps_through_sequences,
       .read = read_as<read_mla, true>},
      {.kind = "mla_context_module_perf",
       .ops = {OpKind::kMlaBlockPrefill},
       .columns = block,
       .op_names = {"mla_context_module"},
       .fits = prefills,
       .read = read_as<read_mla_block, false>},
      {.kind = "mla_generation_module_perf",
       .ops = {OpKind::kMlaBlockDecode},
       .columns = block,
       .op_names = {"mla_generation_module"},
       .fits = decodes,
       .read = read_as<read_mla_block, true>},
      {.kind = "wideep_context_mla_perf",
       .ops = {OpKind::kMlaBlockPrefill},
       .columns = block,
       .op_names = {"mla_context"},
       .fits = prefills,
       .read = read_as<read_mla_block, false>},
      {.kind = "wideep_generation_mla_perf",
       .ops = {OpKind::kMlaBlockDecode},
       .columns = block,
       .op_names = {"mla_generation"},
       .fits = decodes,
       .read = read_as<read_mla_block, true>},
  };
}

}  // namespace towtank
