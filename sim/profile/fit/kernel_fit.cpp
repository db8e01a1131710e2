#include "sim/profile/fit/kernel_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMostAxes = 16;

constexpr double kGreatestError = 0.9;

/// Where an op lies on a fit's axes, and between which sites.
struct Placed {
  std::array<double, kMostAxes> at = {};
  std::array<Blend, kMostAxes> blends;
  std::size_t directions = 0;
  double between = 0.0;
  double outside = 0.0;

  std::span<const Blend> blend() const { return {blends.data(), directions}; }
};

/// All SMs of the GPU stand for the most that were measured.
double sms_coordinate(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms, std::size_t at) {
  std::size_t first = 0;
  for (const Sites& sites : fit.log_slowdown.sites) {
    if (first == at && sites.width == 1 && sms >= gpu.sms) {
      return sites.at.back();
    }
    first += sites.width;
  }
  return coordinate(op, sms, Axis::kSms);
}

Placed placed(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms) {
  check(fit.axes.size() <= kMostAxes, "a fit has few axes");
  Placed result;
  for (std::size_t i = 0; i < fit.axes.size(); ++i) {
    result.at[i] = fit.axes[i] == Axis::kSms ? sms_coordinate(fit, op, gpu, sms, i)
                                             : coordinate(op, sms, fit.axes[i]);
  }
  std::size_t first = 0;
  for (const Sites& sites : fit.log_slowdown.sites) {
    Blend& near = result.blends[result.directions++];
    near = blend(sites, std::span(result.at).subspan(first, sites.width));
    result.between += near.between * near.between;
    result.outside += near.outside * near.outside;
    first += sites.width;
  }
  result.between = std::sqrt(result.between);
  result.outside = std::sqrt(result.outside);
  return result;
}

double squared_distance(const FitPoint& point, const Placed& place) {
  double sum = 0.0;
  for (std::size_t i = 0; i < point.at.size(); ++i) {
    sum += (point.at[i] - place.at[i]) * (point.at[i] - place.at[i]);
  }
  return sum;
}

const FitPoint* nearest_point(const KernelFit& fit, const Placed& place) {
  if (fit.complete) {
    const std::size_t row = fit.residuals.nearest_row(place.blend());
    return row < fit.points.size() ? &fit.points[row] : nullptr;
  }
  const FitPoint* nearest = nullptr;
  double least = 0.0;
  for (const FitPoint& point : fit.points) {
    const double distance = squared_distance(point, place);
    if (nearest == nullptr || distance < least) {
      nearest = &point;
      least = distance;
    }
  }
  return nearest;
}

double error_at(const FitError& error, Seconds time) {
  const auto limit = std::ranges::lower_bound(error.time_limits, time.si());
  const auto index = static_cast<std::size_t>(limit - error.time_limits.begin());
  return error.at_knots[std::min(index, error.at_knots.size() - 1)];
}

int sms_of_rows(const KernelFit& fit, const Gpu& gpu) {
  return fit.sms == 0 ? gpu.sms : std::min(fit.sms, gpu.sms);
}

bool has_sms_axis(const KernelFit& fit) {
  return std::ranges::find(fit.axes, Axis::kSms) != fit.axes.end();
}

/// Whether the fit learnt from kernels like that of the op, sizes apart.
bool is_of_key(const Op& op, const KernelKey& key) {
  const KernelKey asked = key_of(op, {});
  return same_kernel(asked, key) && asked.window == key.window;
}

/// The op as its tiles see it.
Op in_whole_tiles(const Op& op, std::int64_t tile) {
  const auto* shape = std::get_if<GemmShape>(&op.shape);
  if (tile == 0 || shape == nullptr) {
    return op;
  }
  const auto up = [tile](std::int64_t size) { return (size + tile - 1) / tile * tile; };
  GemmShape whole = *shape;
  whole.m = up(shape->m);
  whole.n = up(shape->n);
  return {.kind = op.kind, .precision = op.precision, .shape = whole};
}

/// By how many doublings a time exceeds all measured ones: tables that end early for large sizes
/// have corners inside the bounds of every single size that nobody measured.
double doublings_beyond(const KernelFit& fit, Seconds time) {
  constexpr double kScatter = 1.1;  // of the longest rows around the fit
  return fit.longest > Seconds() ? std::max(std::log2(time / (kScatter * fit.longest)), 0.0) : 0.0;
}

}  // namespace

KernelKey key_of(const Op& op, std::string library) {
  KernelKey key = {.kind = op.kind, .precision = op.precision, .library = std::move(library)};
  if (const auto* attention = std::get_if<AttentionShape>(&op.shape)) {
    key.window = attention->window;
    key.narrow_values = attention->v_dim < attention->qk_dim;
  }
  if (std::holds_alternative<CollectiveShape>(op.shape)) {
    key.precision = Precision::kBf16;
  }
  if (const auto* moe = std::get_if<MoeShape>(&op.shape)) {
    key.gated = moe->gated;
  }
  return key;
}

bool same_kernel(const KernelKey& a, const KernelKey& b) {
  return a.kind == b.kind && a.precision == b.precision && a.narrow_values == b.narrow_values &&
         a.gated == b.gated;
}

void index_points(KernelFit& fit) {
  fit.residuals = {};
  if (!fit.complete) {
    return;
  }
  std::vector<std::uint32_t> nodes;
  std::vector<double> residuals;
  nodes.reserve(fit.points.size() * fit.log_slowdown.sites.size());
  residuals.reserve(fit.points.size());
  for (const FitPoint& point : fit.points) {
    std::size_t first = 0;
    for (const Sites& sites : fit.log_slowdown.sites) {
      const Blend near = blend(sites, std::span(point.at).subspan(first, sites.width));
      const std::size_t heavier = near.count > 1 && near.weight[1] > near.weight[0] ? 1 : 0;
      nodes.push_back(static_cast<std::uint32_t>(near.site[heavier]));
      first += sites.width;
    }
    residuals.push_back(point.residual);
  }
  fit.residuals = ResidualGrid(fit.log_slowdown.sites, nodes, residuals, fit.neighbour_weights);
}

Seconds base_time(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms) {
  const Seconds bound = fit.tile == 0 ? speed_of_light(op, gpu, sms)
                                      : speed_of_light(in_whole_tiles(op, fit.tile), gpu, sms);
  return bound + fit.floor;
}

FitEstimate estimate(const KernelFit& fit, const Op& op, const Gpu& gpu, int sms) {
  check(op.kind == fit.key.kind, "a fit is asked about its own kind of op");
  const Placed place = placed(fit, op, gpu, sms);
  FitEstimate result;
  result.nearest = nearest_point(fit, place);
  const bool same_key = is_of_key(op, fit.key);
  const bool other_sms = !has_sms_axis(fit) && sms != sms_of_rows(fit, gpu);
  if (result.nearest != nullptr && same_key && !other_sms &&
      squared_distance(*result.nearest, place) < kSamePlace * kSamePlace) {
    result.time = result.nearest->time;
    result.error = fit.error.of_measured;
    result.measured = true;
    return result;
  }
  const Seconds base = base_time(fit, op, gpu, has_sms_axis(fit) ? gpu.sms : sms);
  double log_slowdown = value(fit.log_slowdown, place.blend());
  if (fit.complete) {
    log_slowdown += fit.residuals.value(place.blend());
  }
  result.time = base * std::exp(log_slowdown);
  const Seconds base_of_rows = other_sms ? base_time(fit, op, gpu, sms_of_rows(fit, gpu)) : base;
  const Seconds on_sms_of_rows = result.time * (base_of_rows / base);
  const double outside = std::max(place.outside, doublings_beyond(fit, on_sms_of_rows));
  result.outside = outside > kSamePlace;
  double square = std::pow(error_at(fit.error, result.time), 2) +
                  std::pow(fit.error.per_doubling * place.between, 2) +
                  std::pow(fit.error.per_doubling_outside * outside, 2);
  if (other_sms) {
    const double change = base / base_of_rows - 1.0;
    square += std::pow(0.5 * change, 2);
  }
  result.error = std::min(std::sqrt(square), kGreatestError);
  return result;
}

std::size_t parameters(const KernelFit& fit) {
  std::size_t count = 0;
  for (const std::vector<float>& factors : fit.log_slowdown.factors) {
    count += factors.size();
  }
  return count;
}

}  // namespace towtank
