#include "reports/profile_import_text.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

/// Unmapped kernels that are named; their tail is a sum.
constexpr std::size_t kMostKernels = 10;

std::string count(std::size_t rows) {
  return format_count(static_cast<double>(rows));
}

std::string count(std::int64_t rows) {
  return format_count(static_cast<double>(rows));
}

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

/// Names of template instances run to pages.
std::string shortened(const std::string& name) {
  constexpr std::size_t kLongest = 60;
  return name.size() <= kLongest ? name : name.substr(0, kLongest - 3) + "...";
}

Lines unmapped_lines(const ImportedTable& table) {
  if (table.kernels.empty()) {
    return {};
  }
  Lines lines = {fmt::format("  {}: {} of {} kernel time is not mapped to ops; the longest:",
                             table.file,
                             format_time(table.unmapped),
                             format_time(table.mapped + table.unmapped))};
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < std::min(kMostKernels, table.kernels.size()); ++i) {
    const UnmappedKernel& kernel = table.kernels[i];
    rows.push_back({format_time(kernel.time),
                    count(kernel.calls) + " x",
                    shortened(kernel.name),
                    kernel.why.empty() ? "not in the kernel map" : kernel.why});
  }
  append(lines, aligned(rows, "rrll"));
  if (table.kernels.size() > kMostKernels) {
    lines.push_back(fmt::format("  and {} more names", table.kernels.size() - kMostKernels));
  }
  return lines;
}

Lines tables_block(const ImportReport& report) {
  std::vector<Cells> rows;
  for (const ImportedTable& table : report.tables) {
    rows.push_back({table.file,
                    table.kind,
                    count(table.samples) + " times",
                    table.device.empty() ? "device not told" : table.device,
                    table.version});
  }
  Lines lines = aligned(rows, "llrll");
  for (const ImportedTable& table : report.tables) {
    for (const LeftOut& left : table.left_out) {
      lines.push_back(
          fmt::format("  {}: {} rows left out: {}", table.file, count(left.rows), left.reason));
    }
    append(lines, unmapped_lines(table));
  }
  return lines;
}

Lines fits_block(const ImportReport& report) {
  std::vector<Cells> rows = {{"op",
                              "precision",
                              "library",
                              "rows",
                              "rank",
                              "numbers",
                              "rows kept",
                              "median",
                              "p90",
                              "source"}};
  for (const ImportedFit& fit : report.fits) {
    rows.push_back({fit.op,
                    fit.precision,
                    fit.library,
                    count(fit.rows),
                    count(fit.rank),
                    count(fit.parameters),
                    count(fit.points),
                    percent(fit.median),
                    percent(fit.p90),
                    fit.source});
  }
  return aligned(rows, "lllrrrrrrl");
}

}  // namespace

std::string profile_import_text(const ImportReport& report, Colour colour) {
  Lines lines = {heading(fmt::format("{}: {}", report.file, report.profile), colour)};
  lines.push_back(fmt::format("  {} KB; datasheet, links and single measurements of {}",
                              count((report.bytes + 999) / 1000),
                              report.base));
  if (report.kept_fits > 0) {
    lines.push_back(
        fmt::format("  {} fits of kernels that no table has are kept from it", report.kept_fits));
  }
  lines.emplace_back();
  lines.push_back(heading("Tables", colour));
  append(lines, tables_block(report));
  if (!report.fits.empty()) {
    lines.emplace_back();
    lines.push_back(heading("Fits: error of rows hidden from the fit", colour));
    append(lines, fits_block(report));
  }
  if (report.single > 0) {
    lines.emplace_back();
    lines.push_back(fmt::format("{} measurements are kept one by one: too few of a kind for a fit",
                                count(report.single)));
  }
  for (const std::string& note : report.notes) {
    lines.emplace_back();
    lines.push_back("Note: " + note);
  }
  return joined(lines);
}

}  // namespace towtank
