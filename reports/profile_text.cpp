#include "reports/profile_text.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "reports/profile_sizes.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr std::size_t kTextWidth = 100;

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

void section(Lines& lines, std::string_view title, const Lines& body, Colour colour) {
  lines.emplace_back();
  lines.push_back(heading(title, colour));
  append(lines, body);
}

Lines datasheet_block(const ProfileReport& report) {
  const DatasheetEntry& gpu = report.datasheet;
  const FallbackEntry& fallback = report.fallback;
  std::vector<Cells> rows = {
      {"SMs", std::to_string(gpu.sms), gpu.source},
      {"BF16 peak", flop_rate_text(gpu.bf16_peak), gpu.source},
      {"FP8 peak", gpu.fp8_peak > FlopRate{} ? flop_rate_text(gpu.fp8_peak) : "none", gpu.source},
      {"memory", format_data(gpu.memory), gpu.source},
      {"memory bandwidth", format_bandwidth(gpu.memory_bandwidth), gpu.source},
      {"kernel launch", format_time(report.launch), report.launch_source},
      {"if nothing is measured",
       fmt::format("{} of peak compute, {} of memory, {} of links, +-{}",
                   percent(fallback.compute),
                   percent(fallback.memory),
                   percent(fallback.link),
                   percent(fallback.error)),
       fallback.source}};
  if (report.transfer) {
    const TransferEntry& transfer = *report.transfer;
    Lines reason = wrapped("because " + transfer.reason, kTextWidth / 2);
    reason.insert(reason.begin(),
                  fmt::format("from {}, +-{}", transfer.from, percent(transfer.error)));
    for (std::size_t i = 0; i < reason.size(); ++i) {
      rows.push_back({i == 0 ? "transferred" : "", reason[i]});
    }
  }
  return aligned(rows, "lll");
}

Lines links_block(const ProfileReport& report) {
  std::vector<Cells> rows = {
      {"", "", "alone", "beside kernels", "start-up", "+-", "origin", "source"}};
  for (const LinkEntry& link : report.links) {
    rows.push_back({std::string(name(link.medium)),
                    std::string(name(link.kind)),
                    percent(link.alone),
                    percent(link.shared),
                    format_time(link.start_up),
                    percent(link.error),
                    link.origin,
                    link.source});
  }
  return aligned(rows, "llrrrrll");
}

std::string error_band(const FitEntry& fit) {
  const std::string least = percent(fit.least_error);
  const std::string greatest = percent(fit.greatest_error);
  return "+-" + (least == greatest ? least : least + " to " + greatest);
}

/// "m 1 to 65536, n 32 to 16384"; a size that never varied has one number.
std::string sizes_text(const FitEntry& fit) {
  std::string text;
  for (const SizeRange& range : fit.sizes) {
    text += (text.empty() ? "" : ", ") + range.axis + " " + size_text(range.least);
    if (range.least != range.most) {
      text += " to " + size_text(range.most);
    }
  }
  return text;
}

/// A line for the errors of each fit, one for the sizes behind them.
Lines fits_block(std::span<const FitEntry> fits) {
  std::vector<Cells> rows;
  for (const FitEntry& fit : fits) {
    rows.push_back({fit.precision,
                    fit.library,
                    format_count(static_cast<double>(fit.rows)) + " rows",
                    percent(fit.median) + " median",
                    percent(fit.p90) + " p90",
                    error_band(fit),
                    fit.source + (fit.transferred ? " (transferred)" : "")});
  }
  const Lines errors = aligned(rows, "llrrrll");
  Lines lines;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    lines.push_back(errors[i]);
    for (const std::string& line : wrapped(sizes_text(fits[i]), kTextWidth)) {
      lines.push_back("      " + line);
    }
  }
  return lines;
}

/// The fits of each op below its name.
void all_fits(Lines& lines, const ProfileReport& report, Colour colour) {
  if (report.fits.empty()) {
    return;
  }
  lines.emplace_back();
  lines.push_back(
      heading("Fitted tables: error of rows hidden from the fit; stated error at 90%", colour));
  for (auto first = report.fits.begin(); first != report.fits.end();) {
    const auto last = std::find_if(
        first, report.fits.end(), [&](const FitEntry& fit) { return fit.op != first->op; });
    lines.push_back(first->op);
    append(lines, fits_block({first, last}));
    first = last;
  }
}

Lines points_block(const PointGroup& group) {
  std::vector<Cells> rows;
  for (const PointEntry& point : group.points) {
    rows.push_back({point.shape,
                    fmt::format("{} SMs", point.sms),
                    format_time(point.time),
                    percent(point.utilisation),
                    "+-" + percent(point.spread),
                    point.source + (point.transferred ? " (transferred)" : ""),
                    point.library});
  }
  return aligned(rows, "lrrrrll");
}

Lines sources_block(const ProfileReport& report) {
  std::vector<Cells> rows;
  for (const SourceEntry& source : report.sources) {
    const Lines text = wrapped(source.text, kTextWidth);
    rows.push_back({source.key, source.date, text.front()});
    for (std::size_t i = 1; i < text.size(); ++i) {
      rows.push_back({"", "", text[i]});
    }
  }
  return aligned(rows, "lll");
}

/// The shape in "gemm fp8-block 4096x7168x16384".
std::string shape_of(const std::string& op) {
  const std::size_t kind = op.find(' ');
  return kind == std::string::npos ? op
                                   : op.substr(std::min(op.size(), op.find(' ', kind + 1) + 1));
}

Lines ops_block(const ProfileReport& report) {
  std::vector<Cells> rows = {{"op", "SMs", "time", "+-", "share", "known as", "rests on"}};
  for (const ResolvedOp& op : report.ops) {
    rows.push_back({op.op,
                    std::to_string(op.sms),
                    format_time(op.time),
                    percent(op.error),
                    percent(op.share),
                    op.origin,
                    op.nearest == op.op ? "itself" : shape_of(op.nearest)});
  }
  return aligned(rows, "lrrrrll");
}

Lines origins_block(const ProfileReport& report) {
  struct Sum {
    int ops = 0;
    double share = 0.0;
  };
  std::map<std::string, Sum> sums;
  for (const ResolvedOp& op : report.ops) {
    Sum& sum = sums[op.origin];
    ++sum.ops;
    sum.share += op.share;
  }
  std::vector<Cells> rows;
  rows.reserve(sums.size());
  for (const auto& [origin, sum] : sums) {
    rows.push_back({origin, fmt::format("{} ops", sum.ops), percent(sum.share)});
  }
  return aligned(rows, "lrr");
}

}  // namespace

std::string profile_text(const ProfileReport& report, Colour colour) {
  Lines lines = {heading(report.name, colour)};
  append(lines, datasheet_block(report));
  if (!report.scenario.empty()) {
    section(lines,
            fmt::format("Kernels of one step of {}, and their share of the kernel time",
                        report.scenario),
            ops_block(report),
            colour);
    section(lines, "How they are known", origins_block(report), colour);
    return joined(lines);
  }
  section(
      lines, "Links: fraction of a port's bandwidth that is carried", links_block(report), colour);
  all_fits(lines, report, colour);
  lines.emplace_back();
  lines.push_back(heading("Measured kernels: time, and fraction of the roofline reached", colour));
  for (const PointGroup& group : report.groups) {
    lines.push_back(group.op);
    append(lines, points_block(group));
  }
  section(lines, "Sources", sources_block(report), colour);
  return joined(lines);
}

}  // namespace towtank
