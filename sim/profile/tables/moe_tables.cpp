#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include "sim/profile/tables/kernel_library.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

/// Exponent of the experts' loads: "balanced" and "uniform" are 0, "power_law_1.2" and
/// "power_law_1.2_eplb" 1.2. Nothing for other words.
std::optional<double> skew_named(std::string_view word) {
  constexpr std::string_view kPowerLaw = "power_law_";
  constexpr std::string_view kRebalanced = "_eplb";
  if (word == "balanced" || word == "uniform") {
    return 0.0;
  }
  if (!word.starts_with(kPowerLaw)) {
    return std::nullopt;
  }
  word.remove_prefix(kPowerLaw.size());
  if (word.ends_with(kRebalanced)) {
    word.remove_suffix(kRebalanced.size());
  }
  double exponent = 0.0;
  const auto [stop, problem] = std::from_chars(word.data(), word.data() + word.size(), exponent);
  const bool whole = problem == std::errc() && stop == word.data() + word.size();
  return whole && exponent >= 0.0 && exponent < 10.0 ? std::optional(exponent) : std::nullopt;
}

/// Columns in which every table of expert layers describes the layer.
class LayerColumns {
 public:
  explicit LayerColumns(const TableRows& rows)
      : dtype_(rows.column("moe_dtype")),
        tokens_(rows.column("num_tokens")),
        hidden_(rows.column("hidden_size")),
        intermediate_(rows.column("inter_size")),
        topk_(rows.column("topk")),
        experts_(rows.column("num_experts")),
        tensor_parallel_(rows.column("moe_tp_size")),
        expert_parallel_(rows.column("moe_ep_size")),
        distribution_(rows.column("distribution")) {}

  Op op(TableRows& rows) const {
    MoeShape shape;
    shape.tokens = rows.whole(tokens_);
    shape.hidden = rows.whole(hidden_);
    shape.intermediate = rows.whole(intermediate_);
    shape.topk = rows.whole(topk_);
    shape.experts = rows.whole(experts_);
    shape.tensor_parallel = rows.whole(tensor_parallel_);
    shape.expert_parallel = rows.whole(expert_parallel_);
    if (shape.topk > shape.experts) {
      rows.reject("topk is larger than num_experts");
    }
    const std::optional<double> skew = skew_named(rows.word(distribution_));
    if (!skew) {
      rows.reject_word(distribution_, kDistributions);
    }
    shape.skew = skew.value_or(0.0);
    return {.kind = OpKind::kMoeLayer, .precision = rows.precision(dtype_), .shape = shape};
  }

  std::size_t distribution() const { return distribution_; }
  std::size_t experts() const { return experts_; }

 private:
  inline static const std::vector<std::string> kDistributions = {
      "balanced", "uniform", "power_law_1.01", "power_law_1.2"};

  std::size_t dtype_;
  std::size_t tokens_;
  std::size_t hidden_;
  std::size_t intermediate_;
  std::size_t topk_;
  std::size_t experts_;
  std::size_t tensor_parallel_;
  std::size_t expert_parallel_;
  std::size_t distribution_;
};

/// Kernels that the tables use for models without a gate, and for no others.
bool is_gateless(std::string_view kernel) {
  return kernel == "moe_torch_flow_nongated" || kernel == "sglang_flashinfer_cutlass_moe";
}

void read_layers(TableRows& rows, KernelLibrary library) {
  const LayerColumns layer(rows);
  const std::size_t latency = rows.column("latency");
  const std::optional<std::size_t> kernel = rows.find_column("kernel_source");
  while (rows.next()) {
    Op op = layer.op(rows);
    std::get<MoeShape>(op.shape).gated = !kernel || !is_gateless(rows.word(*kernel));
    rows.add(op, library.of_row(rows), rows.positive(latency) * millisecond);
  }
}

void read_moe(TableRows& rows, const TableName& name) {
  read_layers(rows, KernelLibrary(rows, name.backend));
}

/// Between DeepEP's exchanges, with the kernels for many tokens (contiguous grouped GEMMs).
void read_wide_prefill(TableRows& rows, const TableName& name) {
  const std::string backend = name.backend.empty() ? "sglang" : name.backend;
  read_layers(rows, KernelLibrary(rows, backend, "wideep-prefill"));
}

/// The same with those for few (masked grouped GEMMs).
void read_wide_decode(TableRows& rows, const TableName& name) {
  const std::string backend = name.backend.empty() ? "sglang" : name.backend;
  read_layers(rows, KernelLibrary(rows, backend, "wideep-decode"));
}

/// Expert layers with and without the rebalancing of experts' loads (EPLB), which copies busy
/// experts into spare slots: the kernels run as many experts as there are slots.
void read_wide_moe(TableRows& rows, const TableName& name) {
  const LayerColumns layer(rows);
  const std::size_t slots = rows.column("num_slots");
  const std::size_t latency = rows.column("latency");
  KernelLibrary plain(rows, name.backend, "wideep");
  KernelLibrary rebalanced(rows, name.backend, "wideep-eplb");
  while (rows.next()) {
    Op op = layer.op(rows);
    std::get<MoeShape>(op.shape).experts = rows.whole(slots);
    KernelLibrary& library =
        rows.word(layer.distribution()).ends_with("_eplb") ? rebalanced : plain;
    rows.add(op, library.of_row(rows), rows.positive(latency) * millisecond);
  }
}

/// Loads that only the tables of layers between DeepEP's exchanges have.
bool has_wide_loads(const CsvText& csv, const TableName& /*name*/) {
  constexpr std::array<std::string_view, 4> kLoads = {
      "uniform", "power_law_0.6", "power_law_0.8", "power_law_1.02"};
  const std::size_t distribution = *csv.find_column("distribution");
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    if (std::ranges::find(kLoads, csv.field(row, distribution)) != kLoads.end()) {
      return true;
    }
  }
  return false;
}

bool has_plain_loads(const CsvText& csv, const TableName& name) {
  return !has_wide_loads(csv, name);
}

}  // namespace

std::vector<TableLayout> moe_layouts() {
  const std::vector<std::string_view> layer = {"moe_dtype",
                                               "num_tokens",
                                               "hidden_size",
                                               "inter_size",
                                               "topk",
                                               "num_experts",
                                               "moe_tp_size",
                                               "moe_ep_size",
                                               "distribution",
                                               "latency"};
  std::vector<std::string_view> wide = layer;
  wide.emplace_back("num_slots");
  return {
      {.kind = "moe_perf",
       .ops = {OpKind::kMoeLayer},
       .columns = layer,
       .op_names = {"moe"},
       .fits = has_plain_loads,
       .read = read_moe},
      {.kind = "wideep_context_moe_perf",
       .ops = {OpKind::kMoeLayer},
       .columns = layer,
       .op_names = {"moe_context"},
       .fits = has_wide_loads,
       .read = read_wide_prefill},
      {.kind = "wideep_generation_moe_perf",
       .ops = {OpKind::kMoeLayer},
       .columns = layer,
       .op_names = {"moe_generation"},
       .fits = has_wide_loads,
       .read = read_wide_decode},
      {.kind = "wideep_moe_perf",
       .ops = {OpKind::kMoeLayer},
       .columns = wide,
       .op_names = {"wideep_moe", "wideep_moe_eplb"},
       .read = read_wide_moe},
  };
}

}  // namespace towtank
