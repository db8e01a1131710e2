#include "sim/profile/tables/table_layout.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/profile/tables/device_name.hpp"

namespace towtank {
namespace {

void cut_ending(std::string& text, std::string_view ending) {
  if (text.ends_with(ending)) {
    text.resize(text.size() - ending.size());
  }
}

std::vector<std::string> split(std::string_view text, std::string_view between) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(between, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) {
      return parts;
    }
    begin = end + between.size();
  }
}

/// The longest kind of a table that `stem` contains.
std::string kind_in(const std::string& stem) {
  std::string kind;
  for (const TableLayout& layout : all_table_layouts()) {
    if (layout.kind.size() > kind.size() && stem.find(layout.kind) != std::string::npos) {
      kind = layout.kind;
    }
  }
  return kind;
}

/// Serving libraries have names that are parts of no other word.
std::string backend_in(const std::string& stem) {
  for (const std::string_view backend : {"trtllm", "sglang", "vllm"}) {
    if (stem.find(backend) != std::string::npos) {
      return std::string(backend);
    }
  }
  return {};
}

std::vector<std::string> kinds() {
  std::vector<std::string> names;
  names.reserve(all_table_layouts().size());
  for (const TableLayout& layout : all_table_layouts()) {
    names.emplace_back(layout.kind);
  }
  return names;
}

/// The kinds of the collection that people have most tables of; of the simulators', their makers.
std::string supported() {
  std::vector<std::string> names = kinds();
  std::erase_if(names, [](const std::string& kind) { return !kind.ends_with("_perf"); });
  return fmt::format("can be read: {}; tables of InferSim, DeepSeek_Simulator and Vidur",
                     fmt::join(names, ", "));
}

std::vector<std::string_view> missing_columns(const TableLayout& layout, const CsvText& csv) {
  std::vector<std::string_view> missing;
  std::ranges::copy_if(layout.columns, std::back_inserter(missing), [&](std::string_view column) {
    return !csv.find_column(column);
  });
  return missing;
}

bool op_name_fits(const TableLayout& layout, const CsvText& csv) {
  const std::optional<std::size_t> column = csv.find_column("op_name");
  return layout.op_names.empty() || !column || csv.rows() == 0 ||
         std::ranges::find(layout.op_names, csv.field(0, *column)) != layout.op_names.end();
}

const TableLayout& named_layout(const CsvText& csv, const TableName& name) {
  const auto layout = std::ranges::find(all_table_layouts(), name.kind, &TableLayout::kind);
  if (layout == all_table_layouts().end()) {
    const std::string nearest = nearest_word(name.kind, kinds());
    throw InputError({.file = csv.file()},
                     fmt::format("tables of the kind {} cannot be read{}",
                                 name.kind,
                                 nearest.empty() ? "" : fmt::format(" (nearest: {})", nearest)),
                     supported());
  }
  const std::vector<std::string_view> missing = missing_columns(*layout, csv);
  if (!missing.empty()) {
    throw InputError(
        {.file = csv.file(), .line = 1},
        fmt::format(
            "named as {}, but without the columns {}", layout->kind, fmt::join(missing, ", ")),
        fmt::format("{} has: {}", layout->kind, fmt::join(layout->columns, ", ")));
  }
  return *layout;
}

[[noreturn]] void throw_unknown(const CsvText& csv) {
  const TableLayout* nearest = nullptr;
  std::vector<std::string_view> missing;
  for (const TableLayout& layout : all_table_layouts()) {
    std::vector<std::string_view> absent = missing_columns(layout, csv);
    if (2 * absent.size() <= layout.columns.size() &&
        (nearest == nullptr || absent.size() < missing.size())) {
      nearest = &layout;
      missing = std::move(absent);
    }
  }
  std::string message = "no kind of table that is known has these columns";
  if (nearest != nullptr && !missing.empty()) {
    message +=
        fmt::format("; nearest is {}, which also has {}", nearest->kind, fmt::join(missing, ", "));
  } else if (nearest != nullptr) {
    message = fmt::format("the columns are those of {}, but neither op_name nor values are",
                          nearest->kind);
  }
  throw InputError({.file = csv.file(), .line = 1}, message, supported());
}

/// Those of which the table has all columns and values, with as many columns as any of them.
std::vector<const TableLayout*> fitting_layouts(const CsvText& csv, const TableName& name) {
  std::vector<const TableLayout*> fitting;
  for (const TableLayout& layout : all_table_layouts()) {
    if (!missing_columns(layout, csv).empty() || !op_name_fits(layout, csv) ||
        (layout.fits != nullptr && !layout.fits(csv, name))) {
      continue;
    }
    if (!fitting.empty() && fitting.front()->columns.size() < layout.columns.size()) {
      fitting.clear();
    }
    if (fitting.empty() || fitting.front()->columns.size() == layout.columns.size()) {
      fitting.push_back(&layout);
    }
  }
  return fitting;
}

}  // namespace

TableName table_name(const std::string& path) {
  std::string stem = std::filesystem::path(path).filename().string();
  for (const std::string_view ending : {".gz", ".csv", ".txt"}) {
    cut_ending(stem, ending);
  }
  TableName name;
  name.parts = split(stem, "__");
  if (name.parts.size() == 4 && name.parts[2].ends_with("_perf")) {
    const std::string& library = name.parts[3];
    const std::size_t dash = std::min(library.find('-'), library.size());
    name.system = name.parts[0];
    name.kind = name.parts[2];
    name.backend = library.substr(0, dash);
    name.version = library.substr(std::min(dash + 1, library.size()));
  } else {
    name.system = device_in_name(stem);
    name.kind = kind_in(stem);
    name.backend = backend_in(stem);
  }
  return name;
}

const std::vector<TableLayout>& all_table_layouts() {
  static const std::vector<TableLayout> kLayouts = [] {
    std::vector<TableLayout> all;
    for (const auto& some : {gemm_layouts(),
                             attention_layouts(),
                             moe_layouts(),
                             exchange_layouts(),
                             infersim_layouts(),
                             deepseek_simulator_layouts(),
                             vidur_layouts()}) {
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }();
  return kLayouts;
}

const TableLayout& recognise_table(const CsvText& csv, const TableName& name) {
  if (!name.kind.empty()) {
    return named_layout(csv, name);
  }
  const std::vector<const TableLayout*> fitting = fitting_layouts(csv, name);
  if (fitting.empty()) {
    throw_unknown(csv);
  }
  const bool read_alike = std::ranges::all_of(
      fitting, [&](const TableLayout* layout) { return layout->read == fitting.front()->read; });
  if (!read_alike) {
    std::vector<std::string_view> calls;
    calls.reserve(fitting.size());
    for (const TableLayout* layout : fitting) {
      calls.push_back(layout->called.empty() ? layout->kind : layout->called);
    }
    throw InputError({.file = csv.file()},
                     fmt::format("has the columns of {}", fmt::join(calls, " and of ")),
                     "put the right one of these into the file's name, or keep the column op_name");
  }
  return *fitting.front();
}

}  // namespace towtank
