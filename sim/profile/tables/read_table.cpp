#include "sim/profile/tables/read_table.hpp"

#include <optional>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/kineto.hpp"
#include "sim/profile/tables/nccl_tests.hpp"
#include "sim/profile/tables/own_measurements.hpp"
#include "sim/profile/tables/table_layout.hpp"
#include "sim/profile/tables/table_rows.hpp"
#include "sim/profile/tables/text_file.hpp"

namespace towtank {
namespace {

/// What the first row says in this column; empty where there is none.
std::string first_word(const CsvText& csv, std::string_view column) {
  const std::optional<std::size_t> found = csv.find_column(column);
  return found && csv.rows() > 0 ? std::string(csv.field(0, *found)) : std::string();
}

std::string device_of(const CsvText& csv, const TableName& name) {
  std::string device = first_word(csv, "device");
  if (device.empty()) {
    device = name.system;
  }
  return device;
}

SampleTable read_csv(std::string_view text, const std::string& path) {
  const CsvText csv(text, path);
  const TableName name = table_name(path);
  const TableLayout& layout = recognise_table(csv, name);
  if (csv.rows() == 0) {
    throw InputError({.file = path}, "has column names and no rows");
  }
  SampleTable table;
  table.file = path;
  table.kind = layout.kind;
  table.device = device_of(csv, name);
  table.version = first_word(csv, "version");
  if (table.version.empty()) {
    table.version = name.version;
  }
  TableRows rows(csv, table);
  layout.read(rows, name);
  rows.finish();
  return table;
}

SampleTable read_known(std::string_view text, const std::string& path) {
  if (text.starts_with("PAR1")) {
    throw InputError(
        {.file = path},
        "is a Parquet file",
        "write it as comma-separated text first: pandas.read_parquet(...).to_csv(...)");
  }
  if (looks_like_kineto(text)) {
    throw InputError({.file = path},
                     "is a trace of kernels, not a table of measurements",
                     "towtank profile import reads traces");
  }
  if (looks_like_own_measurements(text)) {
    return read_own_measurements(text, path).table;
  }
  return looks_like_nccl_tests(text) ? read_nccl_tests(text, path) : read_csv(text, path);
}

}  // namespace

SampleTable read_table(const std::string& path) {
  return read_table_text(read_text_file(path), path);
}

SampleTable read_table_text(std::string_view text, const std::string& path) {
  SampleTable table = read_known(text, path);
  if (table.samples.empty()) {
    throw InputError({.file = path},
                     fmt::format("no row of this {} can be used{}",
                                 table.kind,
                                 table.skipped.empty() ? "" : ": " + table.skipped[0].reason));
  }
  return table;
}

}  // namespace towtank
