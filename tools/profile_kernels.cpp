#include "tools/profile_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "sim/profile/fit/fit_rows.hpp"

namespace towtank {
namespace {

/// The coordinates of all sites along one axis, a pick of which `choose` makes. (the fit's axes)
template <typename Choose>
std::vector<double> of_sites(const KernelFit& fit, Choose choose) {
  std::vector<double> place;
  place.reserve(fit.axes.size());
  for (const Sites& sites : fit.log_slowdown.sites) {
    for (std::size_t column = 0; column < sites.width; ++column) {
      double chosen = sites.site(0)[column];
      for (std::size_t i = 1; i < sites.count(); ++i) {
        chosen = choose(chosen, sites.site(i)[column]);
      }
      place.push_back(chosen);
    }
  }
  return place;
}

/// The sizes at a place of a fit's axes.
struct Sizes {
  const KernelFit& fit;
  const std::vector<double>& place;

  /// Nothing: not an axis of the fit.
  std::optional<double> find(Axis axis) const {
    const auto found = std::ranges::find(fit.axes, axis);
    return found == fit.axes.end()
               ? std::nullopt
               : std::optional(
                     size_at(axis, place[static_cast<std::size_t>(found - fit.axes.begin())]));
  }
  std::int64_t at(Axis axis, std::int64_t otherwise = 1) const {
    const std::optional<double> size = find(axis);
    return size ? std::llround(*size) : otherwise;
  }
};

GemmShape gemm_at(const Sizes& sizes) {
  const std::int64_t groups = sizes.at(Axis::kGroups, 1);
  const std::optional<double> rows = sizes.find(Axis::kRowsPerGroup);
  return {.m = rows ? std::llround(*rows * static_cast<double>(groups)) : sizes.at(Axis::kM),
          .n = sizes.at(Axis::kN),
          .k = sizes.at(Axis::kK),
          .groups = groups};
}

/// MLA's heads: 128 dimensions and 64 more that carry the position; absorbed, the latent vector of
/// 512 takes the place of the 128 (DeepSeek-V2, arXiv 2405.04434, section 2.1).
constexpr std::int64_t kMlaPosition = 64;
constexpr std::int64_t kMlaValue = 128;
constexpr std::int64_t kMlaLatent = 512;

/// The precision whose elements have this many bytes.
Precision precision_of(double bytes, Precision of_one_byte) {
  if (bytes >= 3.0) {
    return Precision::kFp32;
  }
  if (bytes >= 1.5) {
    return Precision::kBf16;
  }
  return bytes >= 0.75 ? of_one_byte : Precision::kFp4;
}

AttentionShape attention_at(const Sizes& sizes, const KernelKey& key) {
  const bool latent = key.kind == OpKind::kMlaDecode || key.kind == OpKind::kMlaBlockDecode;
  const bool decode = latent || key.kind == OpKind::kAttentionDecode;
  const std::int64_t value = latent ? kMlaLatent : kMlaValue;
  const std::int64_t narrow_key = value + kMlaPosition;
  AttentionShape shape;
  const std::int64_t kv_heads = sizes.at(Axis::kKvHeads, 1);
  const std::optional<double> streams = sizes.find(Axis::kKvStreams);
  shape.batch =
      streams ? std::max<std::int64_t>(1, std::llround(*streams / static_cast<double>(kv_heads)))
              : sizes.at(Axis::kBatch);
  const std::optional<double> sharing = sizes.find(Axis::kHeadsPerKvHead);
  shape.heads =
      sharing ? std::llround(*sharing * static_cast<double>(kv_heads)) : sizes.at(Axis::kHeads);
  shape.query = sizes.at(Axis::kQuery, 1);
  const double per_query = sizes.find(Axis::kContextPerQuery).value_or(1.0);
  shape.context = sizes.at(Axis::kContext,
                           std::llround(per_query * static_cast<double>(decode ? 1 : shape.query)));
  shape.qk_dim = sizes.at(Axis::kQkDim, key.narrow_values ? narrow_key : value);
  shape.v_dim = key.narrow_values ? value : shape.qk_dim;
  shape.kv_heads = sizes.at(Axis::kKvHeads, latent ? 1 : 0);
  shape.window = key.window;
  shape.kv_precision = precision_of(sizes.find(Axis::kCacheBytes).value_or(2.0), Precision::kFp8);
  return shape;
}

MoeShape moe_at(const Sizes& sizes, const KernelKey& key) {
  const std::int64_t experts = sizes.at(Axis::kExperts);
  return {.tokens = sizes.at(Axis::kTokens),
          .hidden = sizes.at(Axis::kHidden),
          .intermediate = sizes.at(Axis::kIntermediatePerRank),
          .topk = sizes.at(Axis::kTopK),
          .experts = experts,
          .tensor_parallel = 1,
          .expert_parallel = sizes.at(Axis::kExpertParallel, 1),
          .skew = sizes.find(Axis::kSkew).value_or(0.0),
          .gated = key.gated};
}

bool may_have_any_values(OpKind kind) {
  return kind == OpKind::kAttentionForward || kind == OpKind::kAttentionBackward ||
         kind == OpKind::kAttentionDecode;
}

/// What tells kernels apart besides precisions.
std::string remarks(const KernelKey& key) {
  std::string text;
  if (key.window != 0) {
    text += fmt::format(", window {}", key.window);
  }
  if (key.narrow_values && may_have_any_values(key.kind)) {
    text += ", MLA";
  }
  if (!key.gated) {
    text += ", ungated";
  }
  return text;
}

}  // namespace

std::string variant_text(const Op& op) {
  const auto* const attention = std::get_if<AttentionShape>(&op.shape);
  const bool other_cache = attention != nullptr && attention->kv_precision != Precision::kBf16;
  const std::string cache =
      other_cache ? fmt::format(", {} cache", name(attention->kv_precision)) : "";
  return std::string(name(op.precision)) + cache + remarks(key_of(op, ""));
}

std::string variant_text(const KernelKey& key) {
  const bool any = shape_form(key.kind) == ShapeForm::kCollective;
  return (any ? "any" : std::string(name(key.precision))) + remarks(key);
}

std::vector<double> place_of(const Op& op, int sms, const std::vector<Axis>& axes) {
  std::vector<double> place;
  place.reserve(axes.size());
  for (const Axis axis : axes) {
    place.push_back(coordinate(op, sms, axis));
  }
  return place;
}

std::vector<double> least_place(const KernelFit& fit) {
  return of_sites(fit, [](double a, double b) { return std::min(a, b); });
}

std::vector<double> greatest_place(const KernelFit& fit) {
  return of_sites(fit, [](double a, double b) { return std::max(a, b); });
}

Op op_at(const KernelFit& fit, const std::vector<double>& at) {
  const Sizes sizes{fit, at};
  Op op{.kind = fit.key.kind, .precision = fit.key.precision, .shape = {}};
  switch (shape_form(fit.key.kind)) {
    case ShapeForm::kGemm:
      op.shape = gemm_at(sizes);
      break;
    case ShapeForm::kAttention:
      op.shape = attention_at(sizes, fit.key);
      break;
    case ShapeForm::kSweep:
      op.shape = SweepShape{.rows = sizes.at(Axis::kRows), .columns = sizes.at(Axis::kColumns)};
      break;
    case ShapeForm::kMoe:
      op.shape = moe_at(sizes, fit.key);
      break;
    case ShapeForm::kCollective:
      if (const std::int64_t bytes = sizes.at(Axis::kElementBytes, 2); bytes != 2) {
        op.precision = bytes < 2 ? Precision::kInt8 : Precision::kFp32;
      }
      op.shape = CollectiveShape{.ranks = sizes.at(Axis::kRanks),
                                 .nodes = sizes.at(Axis::kNodes, 1),
                                 .bytes = sizes.at(Axis::kBytes)};
      break;
    case ShapeForm::kExchange:
      op.shape = ExchangeShape{.ranks = sizes.at(Axis::kRanks),
                               .nodes = sizes.at(Axis::kNodes, 1),
                               .tokens = sizes.at(Axis::kTokens),
                               .hidden = sizes.at(Axis::kHidden),
                               .topk = sizes.at(Axis::kTopK),
                               .experts = sizes.at(Axis::kExperts)};
      break;
  }
  return op;
}

int sms_at(const KernelFit& fit, const std::vector<double>& at, int gpu_sms) {
  const std::int64_t otherwise = fit.sms == 0 ? gpu_sms : fit.sms;
  return static_cast<int>(Sizes{fit, at}.at(Axis::kSms, otherwise));
}

}  // namespace towtank
