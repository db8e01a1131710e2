#include "sim/profile/neighbours.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "sim/profile/axis.hpp"

namespace towtank {
namespace {

/// Half-width of a normal distribution's central 90%, in standard deviations.
constexpr double kSigmasOf90Percent = 1.645;

/// Neighbours that determine an interpolated utilisation, and how many are asked how well they
/// predict each other.
constexpr std::size_t kBlended = 4;
constexpr std::size_t kCrossValidated = 12;

/// How fast utilisation usually changes with shape, as a standard deviation of its logarithm per
/// doubling of one dimension: found over pairs of FP8 GEMMs with at least 1,024 rows, at most two
/// doublings apart, in the H800 tables of alibaba/InferSim (2025). Counts as one observation beside
/// those of the profile itself.
constexpr double kUsualRate = 0.12;

/// Shorter distances do not count as such when a rate is taken: their differences are noise.
constexpr double kLeastRateDistance = 0.5;

/// A kernel's shape as a point in which a distance of 1 is a doubling of one dimension. Masking
/// half of the scores counts as a doubling, too, and so does how the queries lie among the keys.
/// Sweeps do not depend on the SMs.
using Coordinates = std::array<double, 12>;

/// An attention window, in doublings, wider than any context.
constexpr double kAllKeys = 24.0;

/// What a doubling counts, where a whole prompt attends to itself, along dimensions that change the
/// kernel's rate less than its length: sequences or heads side by side, and heads of keys. Medians
/// of neighbouring rows of 1,024 tokens and more, vLLM's prefill on H200 and SGLang's on A100
/// (3,900 pairs): 0.02 to 0.09 and 0.02 to 0.06 of the rate, where a doubling of the length has
/// 0.05 to 0.30.
constexpr double kSideBySide = 0.4;
constexpr double kHeadsOfKeys = 0.25;

bool is_whole_prompt(OpKind kind) {
  return kind == OpKind::kAttentionForward || kind == OpKind::kAttentionBackward;
}

double doublings(std::int64_t size) {
  return std::log2(static_cast<double>(std::max<std::int64_t>(size, 1)));
}

Coordinates coordinates(const Op& op, int sms) {
  if (const GemmShape* gemm = std::get_if<GemmShape>(&op.shape)) {
    return {doublings(gemm->m),
            doublings(gemm->n),
            doublings(gemm->k),
            doublings(gemm->groups),
            doublings(sms)};
  }
  if (const AttentionShape* attention = std::get_if<AttentionShape>(&op.shape)) {
    const bool whole = is_whole_prompt(op.kind);
    const double side_by_side = whole ? kSideBySide : 1.0;
    return {side_by_side * doublings(attention->batch),
            side_by_side * doublings(attention->heads),
            doublings(attention->query),
            doublings(attention->context),
            doublings(attention->qk_dim),
            doublings(attention->v_dim),
            attention->causal ? 1.0 : 0.0,
            doublings(sms),
            (whole ? kHeadsOfKeys : 1.0) * coordinate(op, sms, Axis::kKvHeads),
            attention->window == 0 ? kAllKeys : doublings(attention->window),
            static_cast<double>(attention->kv_precision),
            attention->spread ? 1.0 : 0.0};
  }
  if (const SweepShape* sweep = std::get_if<SweepShape>(&op.shape)) {
    return {doublings(sweep->rows), doublings(sweep->columns)};
  }
  Coordinates at = {};  // of expert layers and communication, whatever their axes are
  const std::vector<Axis>& axes = axes_of(op.kind);
  for (std::size_t i = 0; i < std::min(axes.size(), at.size()); ++i) {
    at[i] = coordinate(op, sms, axes[i]);
  }
  return at;
}

double distance(const Coordinates& a, const Coordinates& b) {
  double square = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    square += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return std::sqrt(square);
}

/// A measured point as seen from the op that is asked for.
struct Neighbour {
  const MeasuredPoint* point = nullptr;
  Coordinates at = {};
  double distance = 0.0;
  double utilisation =
      0.0;  // fraction of the roofline it reached; above 1 if it ran from the cache
  double weight = 0.0;
};

/// Moves the nearest `count` to the front, nearest first, in the file's order where equally near.
void put_nearest_first(std::span<Neighbour> neighbours, std::size_t count) {
  const auto nearer = [](const Neighbour& a, const Neighbour& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.point < b.point;
  };
  const auto middle = neighbours.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(neighbours.begin(), middle, neighbours.end(), nearer);
}

/// Weights of sorted neighbours, summing to 1: ((R - d) / (R d))^2 with R the distance of the first
/// neighbour that is left out (Franke and Little's form of Shepard's method). They fall to zero
/// where a neighbour is exchanged for another, so the blend is a continuous function of the shape.
void weigh(std::span<Neighbour> sorted) {
  constexpr double kSamePlace = 1e-9;
  const bool all_used = sorted.size() <= kBlended || sorted[kBlended].distance <= kSamePlace;
  const double reach = all_used ? 0.0 : sorted[kBlended].distance;
  double sum = 0.0;
  for (Neighbour& neighbour : sorted) {
    const double d = std::max(neighbour.distance, kSamePlace);
    const double nearness = all_used ? 1.0 / d : std::max(reach - d, 0.0) / (reach * d);
    neighbour.weight = nearness * nearness;
    sum += neighbour.weight;
  }
  if (sum == 0.0) {  // all as far as the one left out
    sorted.front().weight = 1.0;
    return;
  }
  for (Neighbour& neighbour : sorted) {
    neighbour.weight /= sum;
  }
}

double blended_utilisation(std::span<const Neighbour> weighed) {
  return std::accumulate(
      weighed.begin(), weighed.end(), 0.0, [](double sum, const Neighbour& neighbour) {
        return sum + neighbour.weight * neighbour.utilisation;
      });
}

/// Standard deviation of the logarithm of utilisation among the neighbours, by weight.
double disagreement(std::span<const Neighbour> weighed, double utilisation) {
  double variance = 0.0;
  for (const Neighbour& neighbour : weighed) {
    const double deviation = std::log(neighbour.utilisation / utilisation);
    variance += neighbour.weight * deviation * deviation;
  }
  return std::sqrt(variance);
}

/// Leave-one-out: how far each of the nearest points is from what the others predict for it, per
/// doubling of its distance to the nearest of them; root mean square with the usual rate.
double observed_rate(std::span<const Neighbour> sorted) {
  double square = kUsualRate * kUsualRate;
  double observations = 1.0;
  std::vector<Neighbour> others;
  for (std::size_t left_out = 0; left_out < sorted.size() && sorted.size() > 1; ++left_out) {
    others.assign(sorted.begin(), sorted.end());
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(left_out));
    for (Neighbour& other : others) {
      other.distance = distance(other.at, sorted[left_out].at);
    }
    put_nearest_first(others, others.size());
    weigh(others);
    const double miss = std::log(blended_utilisation(others) / sorted[left_out].utilisation);
    const double rate = miss / std::max(others.front().distance, kLeastRateDistance);
    square += rate * rate;
    observations += 1.0;
  }
  return std::sqrt(square / observations);
}

/// How far `at` lies outside the box spanned by the measured shapes; zero inside.
double distance_outside(std::span<const Neighbour> neighbours, const Coordinates& at) {
  Coordinates nearest_inside = {};
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto [low, high] = std::minmax_element(
        neighbours.begin(), neighbours.end(), [i](const Neighbour& a, const Neighbour& b) {
          return a.at[i] < b.at[i];
        });
    nearest_inside[i] = std::clamp(at[i], low->at[i], high->at[i]);
  }
  return distance(at, nearest_inside);
}

/// Points of the same kind and precision, in the order of the file.
std::vector<Neighbour> neighbours_of(const Profile& profile,
                                     const Op& op,
                                     const Coordinates& at,
                                     std::string_view library) {
  std::vector<Neighbour> neighbours;
  for_each_point(profile, op.kind, [&](const MeasuredPoint& point) {
    if (point.op.precision != op.precision || !is_run_by(point, library)) {
      return;
    }
    const Seconds least = speed_of_light(point.op, profile.gpu, point.sms);
    if (least <= Seconds()) {
      return;  // a kernel without work says nothing of others
    }
    const Coordinates there = coordinates(point.op, point.sms);
    neighbours.push_back({.point = &point,
                          .at = there,
                          .distance = distance(at, there),
                          .utilisation = least / point.time});
  });
  return neighbours;
}

Estimate from_sorted(const Profile& profile,
                     const Op& op,
                     int sms,
                     std::vector<Neighbour> neighbours,
                     const Coordinates& at) {
  const double outside = distance_outside(neighbours, at);
  const std::size_t used = std::min(neighbours.size(), kCrossValidated);
  put_nearest_first(neighbours, used);
  neighbours.resize(used);
  weigh(neighbours);
  const double utilisation = blended_utilisation(neighbours);
  const double away = neighbours.front().distance + outside;
  const double unlike = kSigmasOf90Percent * std::max(observed_rate(neighbours) * away,
                                                      disagreement(neighbours, utilisation));
  double spread = 0.0;
  double transferred = 0.0;
  for (const Neighbour& neighbour : neighbours) {
    spread += neighbour.weight * point_error(*neighbour.point);
    transferred += neighbour.point->transferred ? neighbour.weight : 0.0;
  }
  const double error = std::hypot(spread, unlike, transfer_error(profile, transferred));
  const MeasuredPoint* nearest = neighbours.front().point;
  return {.time = speed_of_light(op, profile.gpu, sms) / utilisation,
          .error = capped(error),
          .origin = nearest->transferred ? Origin::kTransferred
                    : outside > 0.0      ? Origin::kExtrapolated
                                         : Origin::kInterpolated,
          .beyond = outside > 0.0,
          .nearest = nearest};
}

}  // namespace

double point_error(const MeasuredPoint& point) {
  return std::max(point.spread, kLeastError);
}

double transfer_error(const Profile& profile, double share) {
  return profile.transfer ? share * profile.transfer->error : 0.0;
}

double capped(double error) {
  return std::min(error, kGreatestError);
}

bool is_library(std::string_view known, std::string_view asked) {
  return asked.empty() || known == asked ||
         (known.starts_with(asked) && known[asked.size()] == '/');
}

bool is_run_by(const MeasuredPoint& point, std::string_view library) {
  return is_library(point.library, library);
}

std::optional<Estimate> from_neighbours(const Profile& profile,
                                        const Op& op,
                                        int sms,
                                        std::string_view library) {
  const Coordinates at = coordinates(op, sms);
  std::vector<Neighbour> neighbours = neighbours_of(profile, op, at, library);
  if (neighbours.empty()) {
    return std::nullopt;
  }
  return from_sorted(profile, op, sms, std::move(neighbours), at);
}

}  // namespace towtank
