#include "sim/published/runs_table.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/text_file.hpp"

namespace towtank {
namespace {

constexpr double kLargestCount = 1e9;  // of GPUs, sequences, tokens of a sequence

std::string_view trimmed_cell(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Where each of kRunColumns stands in the table.
std::vector<std::size_t> columns_of(const CsvText& csv) {
  std::vector<std::size_t> places;
  std::vector<std::string> missing;
  places.reserve(kRunColumns.size());
  for (const std::string_view column : kRunColumns) {
    const std::optional<std::size_t> found = csv.find_column(column);
    places.push_back(found.value_or(0));
    if (!found) {
      missing.emplace_back(column);
    }
  }
  std::vector<Diagnostic> mistakes;
  const Place header{.file = csv.file(), .line = 1};
  for (const std::string& column : csv.columns()) {
    if (!run_column(column)) {
      mistakes.push_back(
          {.place = header,
           .message = fmt::format("there is no column '{}' in a table of runs", column),
           .hint = missing.empty() ? "leave it out" : suggest(column, missing)});
    }
  }
  for (const std::string& column : missing) {
    mistakes.push_back({.place = header,
                        .message = fmt::format("the column '{}' is missing", column),
                        .hint = "a table of runs has them all; cells may be blank"});
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return places;
}

/// The cells of a row, read.
class RowReader {
 public:
  explicit RowReader(PublishedRun& run) : run_(run) {}

  std::string text(std::string_view column) const { return run_.cells[*run_column(column)]; }

  std::optional<double> number(std::string_view column) {
    const std::string cell = text(column);
    if (cell.empty()) {
      return std::nullopt;
    }
    double value = 0.0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value) ||
        value <= 0.0) {
      run_.mistakes.push_back(
          fmt::format("{}: expected a number above zero, found '{}'", column, cell));
      return std::nullopt;
    }
    return value;
  }

  std::optional<std::int64_t> count(std::string_view column) {
    const std::optional<double> value = number(column);
    if (value && (std::floor(*value) != *value || *value > kLargestCount)) {
      run_.mistakes.push_back(
          fmt::format("{}: expected a whole number, found '{}'", column, text(column)));
      return std::nullopt;
    }
    return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
  }

 private:
  PublishedRun& run_;
};

void read_cells(PublishedRun& run) {
  RowReader row(run);
  run.id = row.text("id");
  run.source = row.text("source");
  run.model = row.text("model");
  run.gpu = row.text("gpu");
  run.precision = row.text("precision");
  run.recompute = row.text("recompute");
  run.confidence = row.text("confidence");
  run.total_parameters = row.number("params_total_B");
  run.gpus = row.count("n_gpus");
  run.sequence = row.count("seq_len");
  run.batch = row.count("global_batch");
  run.micro_batch = row.count("micro_batch");
  run.tensor = row.count("tp");
  run.pipeline = row.count("pp");
  run.interleave = row.count("vp");
  run.context = row.count("cp");
  run.expert = row.count("ep");
  run.data = row.count("dp");
  run.step_seconds = row.number("step_time_s");
  run.teraflops = row.number("tflops_per_gpu");
  run.tokens_per_second = row.number("tokens_per_s_per_gpu");
  if (const std::optional<double> percent = row.number("mfu_pct")) {
    run.mfu = *percent / 100.0;
  }
  if (run.id.empty()) {
    run.mistakes.emplace_back("id: a row needs a name");
  }
}

void check_names(const std::vector<PublishedRun>& runs) {
  std::map<std::string, std::size_t> lines;
  std::vector<Diagnostic> mistakes;
  for (const PublishedRun& run : runs) {
    const auto [entry, fresh] = lines.emplace(run.id, run.place.line);
    if (!fresh && !run.id.empty()) {
      mistakes.push_back(
          {.place = run.place,
           .message = fmt::format("the id '{}' is that of line {} as well", run.id, entry->second),
           .hint = "every run has a name of its own"});
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
}

}  // namespace

std::vector<PublishedRun> runs_of_table(std::string_view text, const std::string& file) {
  const CsvText csv(text, file);
  const std::vector<std::size_t> columns = columns_of(csv);
  std::vector<PublishedRun> runs;
  runs.reserve(csv.rows());
  for (std::size_t row = 0; row < csv.rows(); ++row) {
    PublishedRun run;
    run.place = {.file = file, .line = static_cast<int>(csv.line(row))};
    run.cells.reserve(columns.size());
    for (const std::size_t column : columns) {
      run.cells.emplace_back(trimmed_cell(csv.field(row, column)));
    }
    read_cells(run);
    runs.push_back(std::move(run));
  }
  check_names(runs);
  return runs;
}

std::vector<PublishedRun> read_runs_table(const std::string& path) {
  return runs_of_table(read_text_file(path), path);
}

}  // namespace towtank
