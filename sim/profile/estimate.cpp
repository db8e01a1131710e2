#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/profile/neighbours.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/relatives.hpp"

namespace towtank {
namespace {

bool has_sms_axis(const std::vector<Axis>& axes) {
  return std::ranges::find(axes, Axis::kSms) != axes.end();
}

/// The measurement of exactly this op on the nearest number of SMs, of several the last that the
/// profile's own file lists (what a user adds comes last); null when there is none.
const MeasuredPoint* measured(const Profile& profile,
                              const Op& op,
                              int sms,
                              std::string_view library) {
  const MeasuredPoint* best = nullptr;
  for_each_point(profile, op.kind, [&](const MeasuredPoint& point) {
    // Where a kernel's SMs are a size of its own, the roofline cannot tell what others would do.
    const bool other_kernel = point.sms != sms && has_sms_axis(axes_of(op.kind));
    if (other_kernel || !(point.op == op) || !is_run_by(point, library)) {
      return;
    }
    const int away = std::abs(point.sms - sms);
    const int best_away = best == nullptr ? away + 1 : std::abs(best->sms - sms);
    if (away < best_away || (away == best_away && !point.transferred)) {
      best = &point;
    }
  });
  return best;
}

Estimate from_same_op(const Profile& profile, const MeasuredPoint& point, int sms) {
  const double ratio = is_compute_bound_kind(point.op.kind)
                           ? speed_of_light(point.op, profile.gpu, sms) /
                                 speed_of_light(point.op, profile.gpu, point.sms)
                           : 1.0;
  const Origin origin = point.transferred  ? Origin::kTransferred
                        : point.sms == sms ? Origin::kMeasured
                                           : Origin::kScaled;
  const double error = std::hypot(point_error(point),
                                  0.5 * std::abs(ratio - 1.0),
                                  transfer_error(profile, point.transferred ? 1.0 : 0.0));
  return {.time = point.time * ratio, .error = capped(error), .origin = origin, .nearest = &point};
}

/// True when the attention window hides no key.
bool sees_all_keys(const Op& op) {
  const AttentionShape* shape = std::get_if<AttentionShape>(&op.shape);
  return shape != nullptr && (shape->window == 0 || shape->window >= shape->context);
}

/// How unlike the attention windows are, in doublings; a little where they only come to the same.
double unlike_windows(const KernelKey& known, const Op& op, const KernelKey& asked) {
  constexpr double kAllKeys = 24.0;  // more than any context has
  constexpr double kLittle = 1e-3;
  const auto width = [](std::int64_t window) {
    return window == 0 ? kAllKeys : std::log2(static_cast<double>(window));
  };
  const double here = sees_all_keys(op) ? kAllKeys : width(asked.window);
  return known.window == asked.window ? 0.0 : std::abs(width(known.window) - here) + kLittle;
}

/// The op in the form in which tables have it: causal attention of the last queries; MLA with
/// DeepSeek's head sizes.
Op in_measured_form(const Op& op) {
  const AttentionShape* shape = std::get_if<AttentionShape>(&op.shape);
  if (shape == nullptr) {
    return op;
  }
  AttentionShape form = *shape;
  form.causal = true;
  form.spread = false;
  if (op.kind == OpKind::kMlaDecode) {
    form.qk_dim = 576;
    form.v_dim = 512;
  } else if (form.v_dim < form.qk_dim) {
    form.qk_dim = 192;
    form.v_dim = 128;
  } else {
    form.v_dim = form.qk_dim;
  }
  return {.kind = op.kind, .precision = op.precision, .shape = form};
}

/// True when the fit learnt from kernels like this one, sizes apart.
bool is_of_fit(const KernelFit& fit, const Op& op) {
  const KernelKey asked = key_of(op, {});
  const bool same_window =
      fit.key.window == asked.window || (fit.key.window == 0 && sees_all_keys(op));
  return same_kernel(fit.key, asked) && same_window && in_measured_form(op) == op;
}

/// True when the SMs asked for are not those of the fit's rows.
bool on_other_sms(const KernelFit& fit, const Gpu& gpu, int sms) {
  return !has_sms_axis(fit.axes) && sms != (fit.sms == 0 ? gpu.sms : fit.sms);
}

/// True when the op lies within the sizes of the fit's rows.
bool covers(const KernelFit& fit, const Gpu& gpu, const Op& op) {
  constexpr double kRounding = 1e-6;
  std::vector<double> at;
  at.reserve(fit.axes.size());
  for (const Axis axis : fit.axes) {
    at.push_back(coordinate(op, gpu.sms, axis));
  }
  return reach(fit.log_slowdown, at).outside <= kRounding;
}

/// Error for another attention window, for attention that is not causal, for other head sizes than
/// the fit's and for another kind of sweep: the speed of light tells what they change, how well
/// kernels follow it is judged.
constexpr double kOtherFormError = 0.2;

/// A single measurement within this many doublings is what a corrected fit rests on most.
constexpr double kNear = 0.5;

/// What the fit says of the op, before single measurements correct it.
Estimate uncorrected(
    const Profile& profile, const KernelFit& fit, const Op& op, int sms, bool of_fit) {
  const Op form = in_measured_form(op);
  const FitEstimate found = estimate(fit, form, profile.gpu, sms);
  const double more_work =
      form == op ? 1.0
                 : base_time(fit, op, profile.gpu, sms) / base_time(fit, form, profile.gpu, sms);
  const bool beyond = found.outside || !of_fit;
  const Origin origin = fit.transferred                       ? Origin::kTransferred
                        : beyond                              ? Origin::kExtrapolated
                        : found.measured                      ? Origin::kMeasured
                        : on_other_sms(fit, profile.gpu, sms) ? Origin::kScaled
                                                              : Origin::kInterpolated;
  return {.time = found.time * more_work,
          .error = capped(std::hypot(std::max(found.error, kLeastError),
                                     transfer_error(profile, fit.transferred ? 1.0 : 0.0),
                                     of_fit ? 0.0 : kOtherFormError)),
          .origin = origin,
          .beyond = beyond,
          .fit = &fit,
          .nearest_row = found.nearest};
}

Estimate from_fit(
    const Profile& profile, const KernelFit& fit, const Op& op, int sms, std::string_view library) {
  const bool of_fit = is_of_fit(fit, op);
  Estimate result = uncorrected(profile, fit, op, sms, of_fit);
  if (profile.corrections.empty() || !library.empty() || result.origin == Origin::kMeasured) {
    return result;
  }
  const auto index = static_cast<std::size_t>(&fit - profile.fits.data());
  const FitCorrection& correction = profile.corrections[index];
  if (correction.at.empty()) {
    return result;
  }
  const Corrected better = corrected(correction, op, sms, result.error);
  result.time = result.time * better.factor;
  result.error = capped(std::max(better.error, kLeastError));
  if (better.distance < kNear && of_fit) {
    result.nearest = &profile.points[better.nearest];
    result.beyond = false;
    result.origin = result.nearest->transferred ? Origin::kTransferred : Origin::kInterpolated;
  }
  return result;
}

/// Rules 1 to 4: measurements of the op itself or of its kind.
std::optional<Estimate> from_own_kind(const Profile& profile,
                                      const Op& op,
                                      int sms,
                                      std::string_view library) {
  const MeasuredPoint* const point = measured(profile, op, sms, library);
  if (point != nullptr && point->sms == sms) {
    return from_same_op(profile, *point, sms);
  }
  const KernelFit* const fit = find_fit(profile, op, library);
  if (point != nullptr) {
    const Estimate scaled = from_same_op(profile, *point, sms);
    const Estimate fitted = fit == nullptr ? scaled : from_fit(profile, *fit, op, sms, library);
    return fitted.error < scaled.error ? fitted : scaled;
  }
  if (fit != nullptr) {
    return from_fit(profile, *fit, op, sms, library);
  }
  return from_neighbours(profile, op, sms, library);
}

/// True when other kernels need not be asked: the op was measured, or lies among measured sizes of
/// its kind. Sweeps of another GPU do not count: they depend on more than the memory's bandwidth.
bool is_settled(const Estimate& found, const Op& op) {
  const bool same_op = found.nearest != nullptr && found.nearest->op == op;
  const bool same_gpu = found.origin != Origin::kTransferred || is_compute_bound_kind(op.kind);
  return same_op || (same_gpu && !found.beyond);
}

Estimate from_datasheet(const Profile& profile, const Op& op, int sms) {
  const Roofline bound = roofline(op, profile.gpu, sms);
  const Seconds time = std::max({bound.compute / profile.fallback.compute,
                                 bound.memory / profile.fallback.memory,
                                 bound.link / profile.fallback.link});
  return {.time = time, .error = profile.fallback.error, .origin = Origin::kDatasheet};
}

}  // namespace

std::string_view name(Origin origin) {
  switch (origin) {
    case Origin::kMeasured:
      return "measured";
    case Origin::kScaled:
      return "scaled";
    case Origin::kInterpolated:
      return "interpolated";
    case Origin::kExtrapolated:
      return "extrapolated";
    case Origin::kTransferred:
      return "transferred";
    case Origin::kDatasheet:
      return "datasheet";
  }
  return "";
}

void index_kinds(Profile& profile) {
  profile.points_by_kind =
      KindIndex(profile.points, [](const MeasuredPoint& point) { return point.op.kind; });
  profile.fits_by_kind = KindIndex(profile.fits, [](const KernelFit& fit) { return fit.key.kind; });
}

std::string what_is_missing(const Profile& profile, const Op& op) {
  const Bytes outside = network_traffic(op);
  if (outside > Bytes() && profile.gpu.nic == Bandwidth()) {
    return "gpu.nic";
  }
  const bool inside = link_traffic(op) > outside;
  return inside && profile.gpu.nvlink == Bandwidth() ? "gpu.nvlink" : "";
}

const KernelFit* find_fit(const Profile& profile, const Op& op, std::string_view library) {
  const KernelKey asked = key_of(op, {});
  const KernelFit* best = nullptr;
  std::tuple<double, bool, bool> best_unlike;
  for_each_fit(profile, op.kind, [&](const KernelFit& fit) {
    if (!same_kernel(fit.key, asked) || !is_library(fit.key.library, library)) {
      return;
    }
    // Of a library's kernels the one that was measured at such sizes; of any library the first.
    const bool one_of_kernels = !library.empty() && fit.key.library != library;
    const std::tuple unlike = {unlike_windows(fit.key, op, asked),
                               one_of_kernels,
                               one_of_kernels && !covers(fit, profile.gpu, op)};
    if (best == nullptr || unlike < best_unlike) {
      best = &fit;
      best_unlike = unlike;
    }
  });
  return best;
}

Estimate estimate(const Profile& profile, const Op& op, int sms, std::string_view library) {
  const std::optional<Estimate> own = from_own_kind(profile, op, sms, library);
  if (own && is_settled(*own, op)) {
    return *own;
  }
  const std::optional<Estimate> like = from_relatives(profile, op, sms, [&](const Op& other) {
    return from_own_kind(profile, other, sms, library);
  });
  if (own) {
    return like && like->error < own->error ? *like : *own;
  }
  return like ? *like : from_datasheet(profile, op, sms);
}

}  // namespace towtank
