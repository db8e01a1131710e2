#include "sim/profile/tables/own_measurements.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sim/profile/dates.hpp"
#include "sim/profile/op_text.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {
namespace {

std::string read_date(TomlTable& file) {
  std::string date = file.text("date", "2026-11-22");
  if (file.sound("date") && !is_date(date)) {
    file.mistake("date",
                 fmt::format("\"{}\" is not a date", shown(date)),
                 "write it like \"2026-11-22\", \"2026-11\" or \"2026\"");
  }
  return date;
}

/// Reads [[measured]] entries one by one and reports those that say again what another said.
class Entries {
 public:
  Entries(TomlTable& file, OwnMeasurements& result)
      : library_(file.text_or("library", "")), result_(result) {}

  void read(TomlTable& entry) {
    Sample sample = {.op = read_op(entry),
                     .sms = static_cast<int>(
                         entry.integer_or("sms", 0, {.least = 1, .most = 10000, .example = 132})),
                     .library = library_.empty() ? entry.text("library", "cublas")
                                                 : entry.text_or("library", library_),
                     .time = entry.time("time", TomlTable::Zero::kRefused),
                     .line = static_cast<std::size_t>(entry.place().line)};
    result_.spreads.push_back(
        entry.number_or("spread", 0.0, {.least = 0.0, .most = 0.9, .example = 0.02}));
    entry.finish();
    report_solitude(entry, sample.op);
    report_repeated(entry, sample);
    result_.table.samples.push_back(std::move(sample));
  }

 private:
  /// One rank has nobody to send to: whatever took the time, it was not this.
  static void report_solitude(TomlTable& entry, const Op& op) {
    const auto* const collective = std::get_if<CollectiveShape>(&op.shape);
    const auto* const exchange = std::get_if<ExchangeShape>(&op.shape);
    const bool alone = (collective != nullptr && collective->ranks == 1) ||
                       (exchange != nullptr && exchange->ranks == 1);
    if (alone && entry.sound("op") && entry.sound("shape")) {
      entry.mistake("shape",
                    fmt::format("{} of one rank sends nothing", name(op.kind)),
                    "a collective has at least 2 ranks; leave this entry out");
    }
  }

  void report_repeated(TomlTable& entry, const Sample& sample) {
    const bool known = entry.sound("op") && entry.sound("precision") && entry.sound("shape") &&
                       entry.sound("sms") && entry.sound("library");
    if (!known) {
      return;
    }
    const std::string key = fmt::format("{}{}\n{}", op_text(sample.op), sample.sms, sample.library);
    const auto [first, fresh] = lines_.emplace(key, sample.line);
    if (!fresh) {
      entry.mistake("op",
                    fmt::format("{} of {} was measured in line {} already",
                                describe(sample.op),
                                shown(sample.library),
                                first->second),
                    "keep one, with a spread that covers both");
    }
  }

  std::string library_;  // of the file; may be empty
  OwnMeasurements& result_;
  std::map<std::string, std::size_t> lines_;  // of each op, library and number of SMs
};

/// The lines of `text`, without what indents them.
template <typename Visit>
bool any_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    std::string_view line = text.substr(0, end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (visit(line)) {
      return true;
    }
    text.remove_prefix(end + 1);
  }
  return false;
}

bool is_assignment(std::string_view line, std::string_view key) {
  if (!line.starts_with(key)) {
    return false;
  }
  line.remove_prefix(key.size());
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line.starts_with('=');
}

}  // namespace

bool looks_like_own_measurements(std::string_view first_bytes) {
  constexpr std::size_t kEnough = 1 << 16;
  first_bytes = first_bytes.substr(0, kEnough);
  const bool profile = any_line(first_bytes, [](std::string_view line) {
    return line.starts_with("[gpu]") || is_assignment(line, "name");
  });
  return !profile && any_line(first_bytes, [](std::string_view line) {
    return line.starts_with("[[measured]]") || is_assignment(line, "device");
  });
}

OwnMeasurements read_own_measurements(std::string_view text, const std::string& file_name) {
  const TomlNode node = parse_toml(text, file_name);
  Mistakes mistakes;
  TomlTable file(node, "", mistakes);
  OwnMeasurements result;
  result.table.file = file_name;
  result.table.kind = "measured";
  result.table.device = file.text("device", "h100-sxm");
  result.table.version = file.text_or("version", "");
  result.date = read_date(file);
  result.source = file.text("source", "cuBLAS 13.1, 20 repetitions each");
  Entries entries(file, result);
  std::vector<TomlTable> tables = file.tables("measured");
  result.spreads.reserve(tables.size());
  for (TomlTable& entry : tables) {
    entries.read(entry);
  }
  if (tables.empty() && file.sound("measured")) {
    mistakes.add("measured",
                 file.place(),
                 "nothing was measured",
                 "add [[measured]] with op, precision, shape and time");
  }
  file.finish();
  mistakes.throw_if_any();
  return result;
}

}  // namespace towtank
