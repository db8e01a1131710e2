#include "sim/profile/tables/kernel_library.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

void read_gemm(TableRows& rows, const TableName& name) {
  const std::size_t dtype = rows.column("gemm_dtype");
  const std::size_t m = rows.column("m");
  const std::size_t n = rows.column("n");
  const std::size_t k = rows.column("k");
  const std::size_t latency = rows.column("latency");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    const Op op = {.kind = OpKind::kGemm,
                   .precision = rows.precision(dtype),
                   .shape = GemmShape{.m = rows.whole(m), .n = rows.whole(n), .k = rows.whole(k)}};
    rows.add(op, library.of_row(rows), rows.positive(latency) * millisecond);
  }
}

/// The products that absorb MLA's up projections in decoding, one per head: the query's part
/// without rotary embedding into the latent space before attention (mla_gen_pre), and the latent
/// result out of it (mla_gen_post). Sizes of DeepSeek-V3. The table calls block scaling plain
/// "fp8".
void read_mla_bmm(TableRows& rows, const TableName& name) {
  constexpr std::int64_t kNope = 128;
  constexpr std::int64_t kLatent = 512;
  const std::vector<std::string> sides = {"mla_gen_pre", "mla_gen_post"};
  const std::size_t side = rows.column("op_name");
  const std::size_t dtype = rows.column("bmm_dtype");
  const std::size_t tokens = rows.column("num_tokens");
  const std::size_t heads = rows.column("num_heads");
  const std::size_t latency = rows.column("latency");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    const bool before = rows.word(side) == sides[0];
    if (!before && rows.word(side) != sides[1]) {
      rows.reject_word(side, sides);
    }
    const Precision precision = rows.precision(dtype);
    const std::int64_t groups = rows.whole(heads);
    const Op op = {.kind = OpKind::kBatchedGemm,
                   .precision = precision == Precision::kFp8 ? Precision::kFp8Block : precision,
                   .shape = GemmShape{.m = rows.whole(tokens) * groups,
                                      .n = before ? kLatent : kNope,
                                      .k = before ? kNope : kLatent,
                                      .groups = groups}};
    rows.add(op, library.of_row(rows), rows.positive(latency) * millisecond);
  }
}

void read_quantize(TableRows& rows, const TableName& name, std::string_view part) {
  const std::size_t m = rows.column("m");
  const std::size_t k = rows.column("k");
  const std::size_t dtype = rows.column("quant_dtype");
  const std::size_t latency = rows.column("latency");
  KernelLibrary library(rows, name.backend, std::string(part));
  while (rows.next()) {
    const Op op = {.kind = OpKind::kQuantize,
                   .precision = rows.precision(dtype),
                   .shape = SweepShape{.rows = rows.whole(m), .columns = rows.whole(k)}};
    rows.add(op, library.of_row(rows), rows.positive(latency) * millisecond);
  }
}

/// Only finds the scale of a tensor.
void read_compute_scale(TableRows& rows, const TableName& name) {
  read_quantize(rows, name, "compute-scale");
}

/// Casts with a scale that is known.
void read_scale_matrix(TableRows& rows, const TableName& name) {
  read_quantize(rows, name, "scale-matrix");
}

}  // namespace

std::vector<TableLayout> gemm_layouts() {
  return {
      {.kind = "gemm_perf",
       .ops = {OpKind::kGemm},
       .columns = {"gemm_dtype", "m", "n", "k", "latency"},
       .op_names = {"gemm"},
       .read = read_gemm},
      {.kind = "mla_bmm_perf",
       .ops = {OpKind::kBatchedGemm},
       .columns = {"op_name", "bmm_dtype", "num_tokens", "num_heads", "latency"},
       .read = read_mla_bmm},
      {.kind = "scale_matrix_perf",
       .ops = {OpKind::kQuantize},
       .columns = {"m", "k", "quant_dtype", "latency"},
       .op_names = {"scale_matrix"},
       .read = read_scale_matrix},
      {.kind = "computescale_perf",
       .ops = {OpKind::kQuantize},
       .columns = {"m", "k", "quant_dtype", "latency"},
       .op_names = {"compute_scale"},
       .read = read_compute_scale},
  };
}

}  // namespace towtank
