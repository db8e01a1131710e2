// Kernels of DeepSeek-V3's decoding on the H800 and the H20, as DeepSeek_Simulator
// (github.com/shenh10/DeepSeek_Simulator) measured them: DeepGEMM's in FP8 with block scales,
// batched GEMMs by cuBLAS in BF16, FlashMLA in BF16.
//
// Times are printed in whole microseconds (MLA: in whole thousandths of a millisecond), too coarse
// for kernels of a few of them; the rate beside them, of known work, says them more finely.
#include <cmath>

#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

/// `work` over `rate` where that rounds to the printed time, else the printed time.
double finer_time(double printed, double step, double work, double rate) {
  const double finer = rate > 0.0 ? work / rate : printed;
  return std::abs(finer - printed) <= 0.55 * step ? finer : printed;
}

double area(std::int64_t rows, std::int64_t columns) {
  return static_cast<double>(rows) * static_cast<double>(columns);
}

struct GemmColumns {
  std::size_t m;
  std::size_t n;
  std::size_t k;
  std::size_t time;
  std::size_t bandwidth;
};

GemmColumns gemm_columns(const TableRows& rows) {
  return {.m = rows.column("m"),
          .n = rows.column("n"),
          .k = rows.column("k"),
          .time = rows.column("time_us"),
          .bandwidth = rows.column("bandwidth_GBps")};
}

/// One of `groups` equal products, m the rows of one.
GemmShape shape_of_groups(TableRows& rows, const GemmColumns& columns, std::int64_t groups) {
  return {.m = groups * rows.whole(columns.m),
          .n = rows.whole(columns.n),
          .k = rows.whole(columns.k),
          .groups = groups};
}

/// The bandwidth counts every operand once: a byte an element, and `result_bytes` of the result.
double gemm_microseconds(TableRows& rows,
                         const GemmColumns& columns,
                         const GemmShape& shape,
                         double result_bytes) {
  const double weights = static_cast<double>(shape.groups) * area(shape.n, shape.k);
  const double bytes = area(shape.m, shape.k) + weights + result_bytes * area(shape.m, shape.n);
  constexpr double kGBpsPerBpus = 1e-3;
  return finer_time(
      rows.positive(columns.time), 1.0, bytes * kGBpsPerBpus, rows.number(columns.bandwidth));
}

void read_dense_gemm(TableRows& rows, const TableName& /*name*/) {
  const GemmColumns columns = gemm_columns(rows);
  while (rows.next()) {
    const GemmShape shape = shape_of_groups(rows, columns, 1);
    const Seconds time = gemm_microseconds(rows, columns, shape, 2.0) * microsecond;
    rows.add({OpKind::kGemm, Precision::kFp8Block, shape}, "deepgemm", time);
  }
}

void read_group_gemm(TableRows& rows, const TableName& /*name*/) {
  const GemmColumns columns = gemm_columns(rows);
  const std::size_t groups = rows.column("num_groups");
  while (rows.next()) {
    const GemmShape shape = shape_of_groups(rows, columns, rows.whole(groups));
    const Seconds time = gemm_microseconds(rows, columns, shape, 2.0) * microsecond;
    rows.add({OpKind::kMaskedGroupedGemm, Precision::kFp8Block, shape}, "deepgemm", time);
  }
}

/// The benchmark ran these in BF16 and wrote the time divided by 1.7, "to mimic FP8"; here it is
/// what was measured.
void read_batch_gemm(TableRows& rows, const TableName& /*name*/) {
  constexpr double kWrittenFaster = 1.7;
  const GemmColumns columns = gemm_columns(rows);
  const std::size_t batch = rows.column("batch");
  while (rows.next()) {
    const GemmShape shape = shape_of_groups(rows, columns, rows.whole(batch));
    const Seconds time =
        kWrittenFaster * gemm_microseconds(rows, columns, shape, 1.0) * microsecond;
    rows.add({OpKind::kBatchedGemm, Precision::kBf16, shape}, "cublas", time);
  }
}

void read_mla(TableRows& rows, const TableName& /*name*/) {
  const std::size_t batch = rows.column("b");
  const std::size_t query = rows.column("s_q");
  const std::size_t context = rows.column("mean_sk");
  const std::size_t heads = rows.column("h_q");
  const std::size_t qk_dim = rows.column("d");
  const std::size_t v_dim = rows.column("dv");
  const std::size_t ragged = rows.column("varlen");
  const std::size_t latency = rows.column("latency");
  const std::size_t rate = rows.column("tflops");
  while (rows.next()) {
    if (rows.word(ragged) != "False") {
      rows.skip("sequences of unequal lengths");
    }
    const AttentionShape shape = {.batch = rows.whole(batch),
                                  .heads = rows.whole(heads),
                                  .query = rows.whole(query),
                                  .context = rows.whole(context),
                                  .qk_dim = rows.whole(qk_dim),
                                  .v_dim = rows.whole(v_dim),
                                  .kv_heads = 1};
    const double flop = 2.0 * area(shape.batch, shape.heads) * area(shape.query, shape.context) *
                        static_cast<double>(shape.qk_dim + shape.v_dim);
    constexpr double kTflopsPerFlopPerMs = 1e-9;
    const double time =
        finer_time(rows.positive(latency), 1e-3, flop * kTflopsPerFlopPerMs, rows.number(rate));
    rows.add({OpKind::kMlaDecode, Precision::kBf16, shape}, "flashmla", time * millisecond);
  }
}

}  // namespace

std::vector<TableLayout> deepseek_simulator_layouts() {
  const std::vector<std::string_view> dense = {
      "matrix_idx", "tp", "m", "n", "k", "time_us", "throughput_TFLOPS", "bandwidth_GBps"};
  std::vector<std::string_view> batch = dense;
  batch.emplace_back("batch");
  std::vector<std::string_view> group = dense;
  group.insert(group.end(), {"num_groups", "m_per_group"});
  return {
      {.kind = "deepseek_simulator_dense_gemm",
       .ops = {OpKind::kGemm},
       .columns = dense,
       .read = read_dense_gemm},
      {.kind = "deepseek_simulator_batch_gemm",
       .ops = {OpKind::kBatchedGemm},
       .columns = batch,
       .read = read_batch_gemm},
      {.kind = "deepseek_simulator_group_gemm",
       .ops = {OpKind::kMaskedGroupedGemm},
       .columns = group,
       .read = read_group_gemm},
      {.kind = "deepseek_simulator_mla",
       .ops = {OpKind::kMlaDecode},
       .columns =
           {"b", "s_q", "mean_sk", "h_q", "d", "dv", "causal", "varlen", "latency", "tflops"},
       .read = read_mla},
  };
}

}  // namespace towtank
