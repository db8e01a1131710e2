// Kernels of the H800 and the H20 as the simulator InferSim (github.com/alibaba/InferSim) measured
// them: DeepGEMM's GEMMs in FP8 with block scales (their mfu is relative to 1,979 and 296 TFLOPS,
// the FP8 peaks), FlashAttention 3, FlashInfer and FlashMLA in BF16. Its DeepGEMM takes a fifth
// longer on the H800 than another's, shape by shape, so its libraries are called by its name too.
#include <array>
#include <charconv>
#include <optional>

#include "sim/base/error.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

void read_gemm(TableRows& rows, const TableName& /*name*/) {
  const std::size_t m = rows.column("m");
  const std::size_t n = rows.column("n");
  const std::size_t k = rows.column("k");
  const std::size_t latency = rows.column("latency_us");
  while (rows.next()) {
    const Op op = {.kind = OpKind::kGemm,
                   .precision = Precision::kFp8Block,
                   .shape = GemmShape{.m = rows.whole(m), .n = rows.whole(n), .k = rows.whole(k)}};
    rows.add(op, "deepgemm/infersim", rows.positive(latency) * microsecond);
  }
}

/// Both grouped GEMMs of an expert layer, two samples a row. The benchmark gave each expert
/// 0.7 to 1.3 times tokens_per_expert at random; the rows of all of them are taken as their mean.
void read_grouped_gemm(TableRows& rows, OpKind kind) {
  const std::size_t experts = rows.column("num_local_experts");
  const std::size_t hidden = rows.column("hidden_size");
  const std::size_t intermediate = rows.column("intermediate_size");
  const std::size_t tokens = rows.column("tokens_per_expert");
  const std::size_t up = rows.column("up_proj_us");
  const std::size_t down = rows.column("down_proj_us");
  while (rows.next()) {
    const std::int64_t groups = rows.whole(experts);
    const std::int64_t each = rows.whole(tokens, 0);
    if (each <= 1) {
      rows.skip("one token per expert: rounding left half of the experts without any");
    }
    GemmShape shape = {.m = groups * each,
                       .n = 2 * rows.whole(intermediate),
                       .k = rows.whole(hidden),
                       .groups = groups};
    const Seconds up_time = rows.positive(up) * microsecond;
    const Seconds down_time = rows.positive(down) * microsecond;
    rows.add({kind, Precision::kFp8Block, shape}, "deepgemm/infersim", up_time);
    shape = {.m = shape.m, .n = shape.k, .k = shape.n / 2, .groups = groups};
    rows.add({kind, Precision::kFp8Block, shape}, "deepgemm/infersim", down_time);
  }
}

void read_grouped_decode(TableRows& rows, const TableName& /*name*/) {
  read_grouped_gemm(rows, OpKind::kMaskedGroupedGemm);
}

void read_grouped_prefill(TableRows& rows, const TableName& /*name*/) {
  read_grouped_gemm(rows, OpKind::kGroupedGemm);
}

/// The three sizes at the end of the file's name: "128-512-64".
std::optional<std::array<std::int64_t, 3>> sizes_in_name(const TableName& name) {
  if (name.parts.size() != 4) {
    return std::nullopt;
  }
  std::array<std::int64_t, 3> sizes = {};
  const char* at = name.parts[3].data();
  const char* const end = at + name.parts[3].size();
  for (std::size_t index = 0; index < sizes.size(); ++index) {
    if (index > 0 && (at == end || *at++ != '-')) {
      return std::nullopt;
    }
    const auto [stop, problem] = std::from_chars(at, end, sizes[index]);
    if (problem != std::errc() || sizes[index] < 1 || sizes[index] > 1'000'000) {
      return std::nullopt;
    }
    at = stop;
  }
  return at == end ? std::optional(sizes) : std::nullopt;
}

template <bool latent, bool decode>
bool is_named(const CsvText& /*csv*/, const TableName& name) {
  return sizes_in_name(name) && name.parts[0] == (latent ? "mla" : "mha") &&
         name.parts[1] == (decode ? "decode" : "prefill");
}

/// Heads as the file's name gives them: HEADS-KV_HEADS-DIM, or HEADS-VALUE_DIM-ROTARY_DIM of MLA.
AttentionShape named_heads(const TableName& name, bool latent, bool decode) {
  const std::array<std::int64_t, 3> sizes = sizes_in_name(name).value();
  if (!latent) {
    return {.heads = sizes[0], .qk_dim = sizes[2], .v_dim = sizes[2], .kv_heads = sizes[1]};
  }
  return {.heads = sizes[0],
          .qk_dim = sizes[1] + sizes[2],
          .v_dim = sizes[1],
          .kv_heads = decode ? 1 : 0};
}

template <bool latent>
void read_decode(TableRows& rows, const TableName& name) {
  const std::size_t dtype = rows.column("dtype");
  const std::size_t kv_dtype = rows.column("kv_dtype");
  const std::size_t batch = rows.column("batch_size");
  const std::size_t context = rows.column("kv_len");
  const std::size_t latency = rows.column("latency_us");
  AttentionShape shape = named_heads(name, latent, true);
  shape.query = 1;
  while (rows.next()) {
    shape.batch = rows.whole(batch);
    shape.context = rows.whole(context);
    shape.kv_precision = rows.precision(kv_dtype);
    const Op op = {.kind = latent ? OpKind::kMlaDecode : OpKind::kAttentionDecode,
                   .precision = rows.precision(dtype),
                   .shape = shape};
    rows.add(op,
             latent ? "flashmla/infersim" : "flashinfer/infersim",
             rows.positive(latency) * microsecond);
  }
}

template <bool latent>
void read_prefill(TableRows& rows, const TableName& name) {
  const std::size_t dtype = rows.column("dtype");
  const std::size_t length = rows.column("seq_len");
  const std::size_t latency = rows.column("latency_us");
  AttentionShape shape = named_heads(name, latent, false);
  while (rows.next()) {
    shape.query = rows.whole(length);
    shape.context = shape.query;
    const Op op = {
        .kind = OpKind::kAttentionForward, .precision = rows.precision(dtype), .shape = shape};
    rows.add(op, "fa3/infersim", rows.positive(latency) * microsecond);
  }
}

}  // namespace

std::vector<TableLayout> infersim_layouts() {
  const std::vector<std::string_view> decode = {
      "dtype", "kv_dtype", "batch_size", "kv_len", "latency_us", "mfu"};
  const std::vector<std::string_view> prefill = {"dtype", "seq_len", "latency_us", "mfu"};
  std::vector<std::string_view> grouped = {"num_local_experts",
                                           "hidden_size",
                                           "intermediate_size",
                                           "tokens_per_expert",
                                           "up_proj_us",
                                           "down_proj_us"};
  std::vector<std::string_view> grouped_decode = grouped;
  grouped_decode.emplace_back("batch_size_per_gpu");
  std::vector<std::string_view> grouped_prefill = grouped;
  grouped_prefill.emplace_back("seq_len_per_gpu");
  return {
      {.kind = "infersim_gemm",
       .ops = {OpKind::kGemm},
       .columns = {"m", "k", "n", "latency_us", "mfu"},
       .read = read_gemm},
      {.kind = "infersim_grouped_gemm_decode",
       .ops = {OpKind::kMaskedGroupedGemm},
       .columns = grouped_decode,
       .read = read_grouped_decode},
      {.kind = "infersim_grouped_gemm_prefill",
       .ops = {OpKind::kGroupedGemm},
       .columns = grouped_prefill,
       .read = read_grouped_prefill},
      {.kind = "infersim_mha_decode",
       .ops = {OpKind::kAttentionDecode},
       .columns = decode,
       .fits = is_named<false, true>,
       .read = read_decode<false>,
       .called = "mha__decode__GPU__HEADS-KVHEADS-HEADDIM"},
      {.kind = "infersim_mla_decode",
       .ops = {OpKind::kMlaDecode},
       .columns = decode,
       .fits = is_named<true, true>,
       .read = read_decode<true>,
       .called = "mla__decode__GPU__HEADS-LATENTDIM-ROTARYDIM"},
      {.kind = "infersim_mha_prefill",
       .ops = {OpKind::kAttentionForward},
       .columns = prefill,
       .fits = is_named<false, false>,
       .read = read_prefill<false>,
       .called = "mha__prefill__GPU__HEADS-KVHEADS-HEADDIM"},
      {.kind = "infersim_mla_prefill",
       .ops = {OpKind::kAttentionForward},
       .columns = prefill,
       .fits = is_named<true, false>,
       .read = read_prefill<true>,
       .called = "mla__prefill__GPU__HEADS-HEADDIM-ROTARYDIM"},
  };
}

}  // namespace towtank
