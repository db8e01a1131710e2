#include "tools/profile_explanation.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/profile/fit/fit_rows.hpp"
#include "sim/profile/neighbours.hpp"
#include "tools/profile_kernels.hpp"

namespace towtank {
namespace {

/// Measurements that are shown around the op.
constexpr std::size_t kMostNeighbours = 5;

KnownTime known_time(const Estimate& found) {
  return {.time = found.time,
          .error = found.error,
          .origin = std::string(name(found.origin)),
          .beyond = found.beyond};
}

std::string work_text(Flops work) {
  return work < TFLOP ? fmt::format("{:.3g} GFLOP", work / GFLOP)
                      : fmt::format("{:.4g} TFLOP", work / TFLOP);
}

/// The sides of the roofline on which there is work, the longest first.
std::vector<RooflineSide> roofline_sides(const Op& op, const Gpu& gpu, int sms, Seconds time) {
  const Roofline least = roofline(op, gpu, sms);
  std::vector<RooflineSide> sides;
  if (const Flops work = flops(op); work > Flops{}) {
    sides.push_back({.limit = "compute",
                     .work = work_text(work),
                     .peak = flop_rate_text(work / least.compute),
                     .least = least.compute,
                     .reached = least.compute / time});
  }
  const auto add_traffic = [&](const char* limit, Bytes traffic, Seconds side) {
    if (traffic > Bytes{}) {
      sides.push_back({.limit = limit,
                       .work = format_data(traffic),
                       .peak = format_bandwidth(traffic / side),
                       .least = side,
                       .reached = side / time});
    }
  };
  add_traffic("memory", memory_traffic(op), least.memory);
  add_traffic("link", link_traffic(op), least.link);
  std::ranges::stable_sort(sides, std::ranges::greater{}, &RooflineSide::least);
  return sides;
}

const Source* find_source(const Profile& profile, const std::string& key) {
  const auto found = std::ranges::find(profile.sources, key, &Source::key);
  return found == profile.sources.end() ? nullptr : &*found;
}

FitUsed fit_used(const Profile& profile, const KernelFit& fit) {
  const Source* const source = find_source(profile, fit.source);
  return {.kernels = std::string(name(fit.key.kind)) + " " + variant_text(fit.key),
          .library = fit.key.library,
          .rows = fit.rows,
          .median = fit.error.median,
          .p90 = fit.error.p90,
          .transferred = fit.transferred,
          .source = source == nullptr ? fit.source : source->text,
          .date = source == nullptr ? "" : source->date};
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double square = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    square += (a[i] - b[i]) * (a[i] - b[i]);
  }
  return std::sqrt(square);
}

/// A measured time where it was measured.
struct Placed {
  std::vector<double> at;  // (axes)
  Seconds time;
  double distance = 0.0;
  const std::string* source = nullptr;
};

void keep_nearest(std::vector<Placed>& placed) {
  const std::size_t kept = std::min(kMostNeighbours, placed.size());
  std::partial_sort(placed.begin(),
                    placed.begin() + static_cast<std::ptrdiff_t>(kept),
                    placed.end(),
                    [](const Placed& a, const Placed& b) { return a.distance < b.distance; });
  placed.resize(kept);
}

/// What is asked for: an op, where it runs, and who runs it.
struct Question {
  const Op& op;
  int sms = 0;
  const std::string& library;
  std::vector<Axis> axes;
  std::vector<double> at;  // (axes)
};

/// The sizes that matter here. SMs are one of them where single measurements may differ in them.
std::vector<Axis> axes_for(const Op& op, const KernelFit* fit) {
  std::vector<Axis> axes = fit != nullptr ? fit->axes : axes_of(op.kind);
  if (std::ranges::find(axes, Axis::kSms) == axes.end()) {
    axes.push_back(Axis::kSms);
  }
  return axes;
}

/// All SMs of the GPU stand for the most that were measured, as they do in estimates.
void put_on_most_sms(std::vector<double>& at, const KernelFit& fit) {
  const auto axis = std::ranges::find(fit.axes, Axis::kSms);
  if (axis != fit.axes.end()) {
    const auto index = static_cast<std::size_t>(axis - fit.axes.begin());
    at[index] = greatest_place(fit)[index];
  }
}

void add_single_measurements(std::vector<Placed>& placed,
                             const Profile& profile,
                             const Question& question) {
  for (const MeasuredPoint& point : profile.points) {
    const bool same_kernels =
        point.op.kind == question.op.kind && point.op.precision == question.op.precision;
    if (same_kernels && is_run_by(point, question.library)) {
      std::vector<double> at = place_of(point.op, point.sms, question.axes);
      const double away = distance(at, question.at);
      placed.push_back(
          {.at = std::move(at), .time = point.time, .distance = away, .source = &point.source});
    }
  }
}

void add_rows(std::vector<Placed>& placed,
              const KernelFit& fit,
              const Gpu& gpu,
              const Question& question) {
  placed.reserve(placed.size() + fit.points.size());
  for (const FitPoint& point : fit.points) {
    std::vector<double> at = point.at;
    if (at.size() < question.axes.size()) {  // SMs are no axis of the fit
      at.push_back(std::log2(static_cast<double>(fit.sms == 0 ? gpu.sms : fit.sms)));
    }
    const double away = distance(at, question.at);
    placed.push_back(
        {.at = std::move(at), .time = point.time, .distance = away, .source = &fit.source});
  }
}

std::vector<double> sizes_at(const std::vector<Axis>& axes, const std::vector<double>& at) {
  std::vector<double> sizes;
  sizes.reserve(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const double size = size_at(axes[i], at[i]);
    const double whole = std::round(size);  // sizes come back from logarithms
    sizes.push_back(std::abs(size - whole) < 1e-6 * whole ? whole : size);
  }
  return sizes;
}

void add_neighbours(Explanation& explanation,
                    const Profile& profile,
                    const KernelFit* fit,
                    const Question& question) {
  std::vector<Placed> placed;
  add_single_measurements(placed, profile, question);
  if (fit != nullptr) {
    add_rows(placed, *fit, profile.gpu, question);
  }
  keep_nearest(placed);
  std::vector<Axis> axes = question.axes;
  const double sms = question.at.back();
  if (std::ranges::all_of(placed, [sms](const Placed& each) { return each.at.back() == sms; }) &&
      (fit == nullptr || fit->axes.size() < axes.size())) {
    axes.pop_back();  // the SMs, which tell nothing here
  }
  for (const Axis axis : axes) {
    explanation.axes.emplace_back(name(axis));
  }
  explanation.asked = sizes_at(axes, question.at);
  for (const Placed& point : placed) {
    explanation.neighbours.push_back({.sizes = sizes_at(axes, point.at),
                                      .time = point.time,
                                      .distance = point.distance,
                                      .source = *point.source});
  }
}

/// What every library with a fit for this op says; nothing when that is the answer itself.
std::vector<Alternative> alternatives(const Profile& profile,
                                      const Op& op,
                                      int sms,
                                      const Estimate& answer) {
  std::vector<Alternative> result;
  for (const KernelFit& fit : profile.fits) {
    if (find_fit(profile, op, fit.key.library) == &fit) {
      const Estimate found = estimate(profile, op, sms, fit.key.library);
      result.push_back({.library = fit.key.library, .known = known_time(found)});
    }
  }
  if (result.size() == 1 && result.front().known.time == answer.time) {
    result.clear();
  }
  return result;
}

bool lacks_format(const Op& op, const Gpu& gpu) {
  const bool fp8 = op.precision == Precision::kFp8 || op.precision == Precision::kFp8Block;
  const bool fp4 = op.precision == Precision::kFp4;
  return is_compute_bound_kind(op.kind) &&
         ((fp8 && gpu.fp8_peak == FlopRate{}) || (fp4 && gpu.fp4_peak == FlopRate{}));
}

void add_notes(Explanation& explanation,
               const Profile& profile,
               const Op& op,
               const Estimate& found) {
  if (lacks_format(op, profile.gpu)) {
    explanation.notes.push_back(
        fmt::format("{} has no tensor cores for {}; the roofline is that of the next wider format",
                    profile.gpu.name,
                    name(op.precision)));
  }
  if (found.origin == Origin::kDatasheet) {
    explanation.notes.push_back(fmt::format(
        "nothing of this kind was measured on {}; this is its datasheet times a typical efficiency",
        profile.gpu.name));
  }
  if (found.fit == nullptr || !explanation.library.empty()) {
    return;
  }
  const double by_fit =
      found.time / estimate(profile, op, explanation.sms, found.fit->key.library).time;
  if (std::abs(by_fit - 1.0) >= 0.0005) {
    explanation.notes.push_back(fmt::format(
        "single measurements move this {} from what the fit says", signed_percent(by_fit - 1.0)));
  }
}

}  // namespace

std::vector<std::string> libraries_for(const Profile& profile, const Op& op) {
  std::set<std::string> libraries;
  for (const KernelFit& fit : profile.fits) {
    if (find_fit(profile, op, fit.key.library) != nullptr) {
      libraries.insert(fit.key.library);
    }
  }
  for (const MeasuredPoint& point : profile.points) {
    if (point.op.kind == op.kind && point.op.precision == op.precision) {
      libraries.insert(point.library);
    }
  }
  libraries.erase("");
  return {libraries.begin(), libraries.end()};
}

Explanation explain(const Profile& profile, const Op& op, int sms, const std::string& library) {
  const Estimate found = estimate(profile, op, sms, library);
  const KernelFit* const fit = found.fit != nullptr ? found.fit : find_fit(profile, op, library);
  Explanation explanation;
  explanation.gpu = profile.gpu.name;
  explanation.op = describe(op);
  explanation.sms = sms;
  explanation.gpu_sms = profile.gpu.sms;
  explanation.library = library;
  explanation.known = known_time(found);
  if (flops(op) > Flops{}) {
    explanation.compute_rate = flops(op) / found.time;
  }
  if (memory_traffic(op) > Bytes{}) {
    explanation.memory_rate = memory_traffic(op) / found.time;
  }
  if (link_traffic(op) > Bytes{}) {
    explanation.link_rate = link_traffic(op) / found.time;
  }
  explanation.roofline = roofline_sides(op, profile.gpu, sms, found.time);
  if (found.fit != nullptr) {
    explanation.fit = fit_used(profile, *found.fit);
  }
  const std::vector<Axis> axes = axes_for(op, fit);
  std::vector<double> at = place_of(op, sms, axes);
  if (fit != nullptr && sms == profile.gpu.sms) {
    put_on_most_sms(at, *fit);
  }
  add_neighbours(explanation,
                 profile,
                 fit,
                 {.op = op, .sms = sms, .library = library, .axes = axes, .at = std::move(at)});
  explanation.alternatives = alternatives(profile, op, sms, found);
  add_notes(explanation, profile, op, found);
  return explanation;
}

}  // namespace towtank
