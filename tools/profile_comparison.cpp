#include "tools/profile_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "reports/profile_check.hpp"
#include "sim/base/quantity_text.hpp"
#include "tools/profile_kernels.hpp"

namespace towtank {
namespace {

/// Rows of one fit that are compared, spread evenly over those it keeps.
constexpr std::size_t kMostRows = 200;

/// An op as one of the two profiles measured it.
struct Compared {
  Op op;
  int sms = 0;
  int of_sms = 0;  // all SMs of the GPU that measured it
};

/// What is compared together. Single measurements are no library's.
struct Group {
  OpKind kind = OpKind::kGemm;
  std::string variant;
  std::string library;

  friend bool operator<(const Group& a, const Group& b) {
    return std::tie(a.kind, a.variant, a.library) < std::tie(b.kind, b.variant, b.library);
  }
};

using Groups = std::map<Group, std::vector<Compared>>;

void add_fits(Groups& groups, const Profile& profile) {
  for (const KernelFit& fit : profile.fits) {
    if (fit.transferred) {
      continue;
    }
    const std::size_t step =
        std::max<std::size_t>(1, (fit.points.size() + kMostRows - 1) / kMostRows);
    for (std::size_t i = 0; i < fit.points.size(); i += step) {
      const std::vector<double>& at = fit.points[i].at;
      const Op op = op_at(fit, at);
      groups[{.kind = op.kind, .variant = variant_text(op), .library = fit.key.library}].push_back(
          {.op = op, .sms = sms_at(fit, at, profile.gpu.sms), .of_sms = profile.gpu.sms});
    }
  }
}

void add_single_measurements(Groups& groups, const Profile& profile) {
  for (const MeasuredPoint& point : profile.points) {
    if (!point.transferred) {
      groups[{.kind = point.op.kind, .variant = variant_text(point.op), .library = point.library}]
          .push_back({.op = point.op, .sms = point.sms, .of_sms = profile.gpu.sms});
    }
  }
}

/// The same share of another GPU's SMs.
int sms_on(const Compared& compared, const Gpu& gpu) {
  if (compared.sms >= compared.of_sms) {
    return gpu.sms;
  }
  return std::min(compared.sms, gpu.sms);
}

/// One profile's answers to a group, and whose kernels they are.
struct Side {
  const Profile& profile;
  std::string library;
  std::map<std::string, std::size_t> origins;
};

Side side_of(const Profile& profile, const Group& group, const Op& op) {
  const KernelFit* fit = find_fit(profile, op, group.library);
  const bool known = fit != nullptr || group.library.empty();
  if (!known) {
    fit = find_fit(profile, op);
  }
  return {.profile = profile,
          .library = group.library.empty() || fit == nullptr ? "" : fit->key.library,
          .origins = {}};
}

Estimate answer(Side& side, const Compared& compared) {
  const Estimate found =
      estimate(side.profile, compared.op, sms_on(compared, side.profile.gpu), side.library);
  ++side.origins[std::string(name(found.origin))];
  return found;
}

std::string most_common(const Side& side) {
  const auto most = std::ranges::max_element(
      side.origins, [](const auto& a, const auto& b) { return a.second < b.second; });
  return most->first;
}

bool is_measured(const Estimate& found) {
  return found.origin == Origin::kMeasured || found.origin == Origin::kScaled;
}

ComparedKernels compared(const Group& group,
                         const std::vector<Compared>& ops,
                         const Profile& base,
                         const Profile& other) {
  Side below = side_of(base, group, ops.front().op);
  Side above = side_of(other, group, ops.front().op);
  ComparedKernels result{.op = std::string(name(group.kind)),
                         .precision = group.variant,
                         .libraries = {below.library, above.library},
                         .ops = ops.size(),
                         .known_as = {}};
  std::vector<double> ratios;
  std::vector<double> errors;
  ratios.reserve(ops.size());
  errors.reserve(ops.size());
  for (const Compared& op : ops) {
    const Estimate a = answer(below, op);
    const Estimate b = answer(above, op);
    ratios.push_back(b.time / a.time);
    errors.push_back(std::hypot(a.error, b.error));
    result.both_measured += is_measured(a) && is_measured(b) ? 1 : 0;
  }
  result.median = quantile(ratios, 0.5);
  result.p10 = quantile(ratios, 0.1);
  result.p90 = quantile(ratios, 0.9);
  result.error = quantile(errors, 0.5);
  result.known_as = {most_common(below), most_common(above)};
  return result;
}

template <typename Text>
ComparedFigure figure(const char* what, double base, double other, Text text) {
  const auto shown = [&text](double value) { return value > 0.0 ? text(value) : "not stated"; };
  return {.figure = what,
          .values = {shown(base), shown(other)},
          .ratio = base > 0.0 && other > 0.0 ? other / base : 0.0};
}

std::vector<ComparedFigure> datasheet(const Gpu& a, const Gpu& b) {
  const auto rate = [](double peak) { return flop_rate_text(FlopRate(peak)); };
  const auto bandwidth = [](double bytes) { return format_bandwidth(Bandwidth(bytes)); };
  return {figure("SMs", a.sms, b.sms, [](double sms) { return format_count(sms); }),
          figure("BF16 peak", a.bf16_peak.si(), b.bf16_peak.si(), rate),
          figure("FP8 peak", a.fp8_peak.si(), b.fp8_peak.si(), rate),
          figure("FP4 peak", a.fp4_peak.si(), b.fp4_peak.si(), rate),
          figure("memory bandwidth", a.memory_bandwidth.si(), b.memory_bandwidth.si(), bandwidth),
          figure("memory",
                 a.memory.si(),
                 b.memory.si(),
                 [](double bytes) { return format_data(Bytes(bytes)); }),
          figure("NVLink", a.nvlink.si(), b.nvlink.si(), bandwidth),
          figure("network card", a.nic.si(), b.nic.si(), bandwidth)};
}

/// Why a group cannot be compared; empty when it can.
std::string obstacle(const Op& op, const Profile& base, const Profile& other) {
  for (const Profile* const profile : {&base, &other}) {
    const std::string missing = what_is_missing(*profile, op);
    if (!missing.empty()) {
      return fmt::format(
          "{} is not compared: {} lacks {}", name(op.kind), profile->gpu.name, missing);
    }
  }
  return "";
}

bool is_asked(OpKind kind, const std::vector<OpKind>& kinds) {
  return kinds.empty() || std::ranges::find(kinds, kind) != kinds.end();
}

}  // namespace

ProfileComparison compare_profiles(const Profile& base,
                                   const Profile& other,
                                   const std::vector<OpKind>& kinds) {
  Groups groups;
  for (const Profile* const profile : {&base, &other}) {
    add_fits(groups, *profile);
    add_single_measurements(groups, *profile);
  }
  ProfileComparison result{.profiles = {base.gpu.name, other.gpu.name},
                           .datasheet = datasheet(base.gpu, other.gpu),
                           .kernels = {},
                           .notes = {}};
  for (const auto& [group, ops] : groups) {
    if (ops.empty() || !is_asked(group.kind, kinds)) {
      continue;
    }
    const std::string why_not = obstacle(ops.front().op, base, other);
    if (why_not.empty()) {
      result.kernels.push_back(compared(group, ops, base, other));
    } else if (std::ranges::find(result.notes, why_not) == result.notes.end()) {
      result.notes.push_back(why_not);
    }
  }
  return result;
}

}  // namespace towtank
