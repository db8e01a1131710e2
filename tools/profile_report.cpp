#include "tools/profile_report.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine/simulate.hpp"
#include "sim/engine/workload.hpp"
#include "sim/graph/training_step.hpp"
#include "sim/profile/fit/fit_rows.hpp"
#include "tools/profile_kernels.hpp"

namespace towtank {
namespace {

std::string group_name(const Op& op) {
  return std::string(name(op.kind)) + " " + std::string(name(op.precision));
}

std::vector<LinkEntry> link_entries(const Profile& profile) {
  std::vector<LinkEntry> entries;
  for (const Medium medium : {Medium::kNvlink, Medium::kNic}) {
    for (int i = 0; i < kLinkKinds; ++i) {
      const auto kind = static_cast<TransferKind>(i);
      const LinkEfficiency& link = profile.link(kind, medium);
      entries.push_back({.kind = kind,
                         .medium = medium,
                         .alone = link.alone,
                         .shared = link.shared,
                         .start_up = link.start_up,
                         .error = link.error,
                         .origin = std::string(name(link.origin)),
                         .source = link.source});
    }
  }
  return entries;
}

std::vector<PointGroup> point_groups(const Profile& profile) {
  std::map<std::string, PointGroup> groups;
  for (const MeasuredPoint& point : profile.points) {
    const std::string op = group_name(point.op);
    const Seconds least = speed_of_light(point.op, profile.gpu, point.sms);
    groups[op].op = op;
    groups[op].points.push_back({.shape = describe(point.op).substr(op.size() + 1),
                                 .sms = point.sms,
                                 .time = point.time,
                                 .utilisation = least / point.time,
                                 .spread = point.spread,
                                 .transferred = point.transferred,
                                 .source = point.source,
                                 .library = point.library});
  }
  std::vector<PointGroup> result;
  result.reserve(groups.size());
  for (auto& [op, group] : groups) {
    result.push_back(std::move(group));
  }
  return result;
}

std::vector<SizeRange> size_ranges(const KernelFit& fit) {
  const std::vector<double> least = least_place(fit);
  const std::vector<double> greatest = greatest_place(fit);
  std::vector<SizeRange> ranges;
  ranges.reserve(fit.axes.size());
  for (std::size_t i = 0; i < fit.axes.size(); ++i) {
    ranges.push_back({.axis = std::string(name(fit.axes[i])),
                      .least = size_at(fit.axes[i], least[i]),
                      .most = size_at(fit.axes[i], greatest[i])});
  }
  return ranges;
}

/// Sorted by op; within one op they stay in the profile's order, in which the first is the default.
std::vector<FitEntry> fit_entries(const Profile& profile) {
  std::vector<FitEntry> entries;
  entries.reserve(profile.fits.size());
  for (const KernelFit& fit : profile.fits) {
    const auto [least, greatest] = std::ranges::minmax(fit.error.at_knots);
    entries.push_back({.op = std::string(name(fit.key.kind)),
                       .precision = variant_text(fit.key),
                       .library = fit.key.library,
                       .rows = fit.rows,
                       .parameters = static_cast<std::int64_t>(parameters(fit)),
                       .points = static_cast<std::int64_t>(fit.points.size()),
                       .median = fit.error.median,
                       .p90 = fit.error.p90,
                       .least_error = least,
                       .greatest_error = greatest,
                       .sizes = size_ranges(fit),
                       .transferred = fit.transferred,
                       .source = fit.source});
  }
  std::ranges::stable_sort(entries, {}, &FitEntry::op);
  return entries;
}

/// How often a step runs each segment, on all GPUs that the simulated ranks stand for. (segments)
std::vector<double> runs_of_segments(const OpGraph& graph) {
  std::vector<double> runs(graph.segments.size());
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const Node& node = graph.dependencies[vertex];
    if (node.work == Node::Work::kSegment) {
      runs[static_cast<std::size_t>(node.index)] +=
          static_cast<double>(graph.ranks[static_cast<std::size_t>(node.rank)].members);
    }
  }
  return runs;
}

/// The measured op that an estimate rests on most; empty when there is none.
std::string nearest_op(const Estimate& found) {
  if (found.nearest != nullptr) {
    return describe(found.nearest->op);
  }
  return found.nearest_row == nullptr ? "" : describe(op_at(*found.fit, found.nearest_row->at));
}

ResolvedOp resolved(const Op& op, int sms, const Profile& profile) {
  const Estimate kernel = estimate(profile, op, sms);
  return {.op = describe(op),
          .sms = sms,
          .time = kernel.time,
          .error = kernel.error,
          .origin = std::string(name(kernel.origin)),
          .nearest = nearest_op(kernel)};
}

}  // namespace

ProfileReport profile_report(const Profile& profile) {
  const Gpu& gpu = profile.gpu;
  ProfileReport report{.name = gpu.name,
                       .datasheet = {.sms = gpu.sms,
                                     .bf16_peak = gpu.bf16_peak,
                                     .fp8_peak = gpu.fp8_peak,
                                     .memory_bandwidth = gpu.memory_bandwidth,
                                     .memory = gpu.memory,
                                     .source = profile.gpu_source},
                       .sources = {},
                       .launch = profile.launch,
                       .launch_source = profile.launch_source,
                       .fallback = {.compute = profile.fallback.compute,
                                    .memory = profile.fallback.memory,
                                    .link = profile.fallback.link,
                                    .error = profile.fallback.error,
                                    .source = profile.fallback.source},
                       .transfer = {},
                       .links = link_entries(profile),
                       .fits = fit_entries(profile),
                       .groups = point_groups(profile),
                       .scenario = {},
                       .ops = {}};
  for (const Source& source : profile.sources) {
    report.sources.push_back({.key = source.key, .text = source.text, .date = source.date});
  }
  if (profile.transfer) {
    report.transfer = TransferEntry{.from = profile.transfer->from,
                                    .reason = profile.transfer->reason,
                                    .error = profile.transfer->error};
  }
  return report;
}

std::vector<ResolvedOp> resolved_ops(const Scenario& scenario, const Profile& profile) {
  const OpGraph graph = lower_training_step(
      scenario.model, scenario.plan, scenario.cluster, profile, Folding::kFolded);
  const Simulation simulation{
      .graph = &graph, .profile = &profile, .communication_sms = scenario.plan.communication_sms};
  const std::vector<double> runs = runs_of_segments(graph);
  std::map<std::pair<std::string, int>, ResolvedOp> ops;
  Seconds total;
  for (std::size_t i = 0; i < graph.segments.size(); ++i) {
    const int sms = sms_of_segment(simulation, graph.segments[i].shares_gpu);
    for (const Op& op : graph.segments[i].ops) {
      const auto [entry, is_new] = ops.try_emplace({describe(op), sms});
      if (is_new) {
        entry->second = resolved(op, sms, profile);
      }
      entry->second.share += runs[i] * entry->second.time.si();
      total += runs[i] * entry->second.time;
    }
  }
  std::vector<ResolvedOp> result;
  for (auto& [key, op] : ops) {
    op.share /= total.si();
    result.push_back(std::move(op));
  }
  std::ranges::stable_sort(result, std::ranges::greater{}, &ResolvedOp::share);
  return result;
}

}  // namespace towtank
