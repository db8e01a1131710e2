#include "sim/profile/transfer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace towtank {
namespace {

/// A point of another GPU on this one: the same share of the SMs, the same fraction of the
/// roofline.
MeasuredPoint adopted(const MeasuredPoint& theirs, const Gpu& from, const Gpu& to) {
  const double share = static_cast<double>(theirs.sms) / from.sms;
  MeasuredPoint ours = theirs;
  ours.sms = std::max(1, static_cast<int>(std::lround(share * to.sms)));
  ours.time = theirs.time * (speed_of_light(theirs.op, to, ours.sms) /
                             speed_of_light(theirs.op, from, theirs.sms));
  ours.source = from.name + ":" + theirs.source;
  ours.transferred = true;
  return ours;
}

void adopt_points(Profile& profile, const Profile& from) {
  std::vector<MeasuredPoint> points;
  for (const MeasuredPoint& theirs : from.points) {
    const bool own = std::ranges::any_of(
        profile.points, [&theirs](const MeasuredPoint& ours) { return ours.op == theirs.op; });
    if (!own && family(theirs.op.kind) != OpFamily::kCollective) {
      points.push_back(adopted(theirs, from.gpu, profile.gpu));
    }
  }
  profile.points.insert(profile.points.end(), points.begin(), points.end());
}

/// True when a kernel of this family takes as long on either GPU.
bool same_times(OpFamily family, const Gpu& a, const Gpu& b) {
  if (family == OpFamily::kCollective) {
    return a.nvlink == b.nvlink && a.nic == b.nic;
  }
  return a.sms == b.sms && a.bf16_peak == b.bf16_peak && a.fp8_peak == b.fp8_peak &&
         a.fp4_peak == b.fp4_peak && a.memory_bandwidth == b.memory_bandwidth;
}

/// True when the profile can say what the fit's kernels take at least.
bool has_roofline(OpFamily family, const Gpu& gpu) {
  return family != OpFamily::kCollective || (gpu.nvlink > Bandwidth() && gpu.nic > Bandwidth());
}

void adopt_fits(Profile& profile, const Profile& from) {
  const std::size_t own = profile.fits.size();
  for (const KernelFit& theirs : from.fits) {
    const auto is_same = [&theirs](const KernelFit& ours) { return ours.key == theirs.key; };
    const auto end = profile.fits.begin() + static_cast<std::ptrdiff_t>(own);
    const OpFamily of_kind = family(theirs.key.kind);
    if (!has_roofline(of_kind, profile.gpu) || std::any_of(profile.fits.begin(), end, is_same)) {
      continue;
    }
    KernelFit adopted = theirs;
    adopted.source = from.gpu.name + ":" + theirs.source;
    adopted.transferred = true;
    if (!same_times(of_kind, profile.gpu, from.gpu)) {
      adopted.points.clear();  // their times are the other GPU's
      adopted.complete = false;
      index_points(adopted);
    }
    profile.fits.push_back(std::move(adopted));
  }
}

}  // namespace

void adopt_measurements(Profile& profile, const Profile& from) {
  adopt_points(profile, from);
  adopt_fits(profile, from);
  for (const Source& source : from.sources) {
    profile.sources.push_back(
        {.key = from.gpu.name + ":" + source.key, .text = source.text, .date = source.date});
  }
}

void widen(Profile& profile, double error) {
  for (MeasuredPoint& point : profile.points) {
    point.spread = std::hypot(point.spread, error);
  }
  for (KernelFit& fit : profile.fits) {
    for (double& of_time : fit.error.at_knots) {
      of_time = std::hypot(of_time, error);
    }
    fit.error.of_measured = std::hypot(fit.error.of_measured, error);
  }
}

void correct_fits(Profile& profile) {
  profile.corrections.assign(profile.fits.size(), {});
  for (std::size_t i = 0; i < profile.fits.size(); ++i) {
    const KernelFit& fit = profile.fits[i];
    std::vector<CorrectionPoint> points;
    for (std::size_t j = 0; j < profile.points.size(); ++j) {
      const MeasuredPoint& point = profile.points[j];
      const double transferred = point.transferred ? profile.transfer->error : 0.0;
      if (key_of(point.op, fit.key.library) == fit.key) {
        points.push_back({.index = j,
                          .op = point.op,
                          .sms = point.sms,
                          .time = point.time,
                          .spread = std::hypot(point.spread, transferred)});
      }
    }
    profile.corrections[i] = correct(fit, profile.gpu, points);
  }
}

}  // namespace towtank
