#include "sim/scenario/expert_counts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/text_file.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMistakesShown = 10;
constexpr double kGreatestCount = 1e18;

const std::array<std::string, 3> kColumns = {"layer", "expert", "count"};

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// Takes the rows of one layer in and remembers what is wrong with them.
class CountReader {
 public:
  CountReader(const CsvText& csv, std::int64_t experts, std::optional<std::int64_t> layer)
      : csv_(csv),
        layer_(layer),
        counts_(static_cast<std::size_t>(experts), 0.0),
        line_of_(counts_.size(), 0) {}

  std::vector<double> read() {
    find_columns();
    for (std::size_t row = 0; mistakes_.size() < kMistakesShown && row < csv_.rows(); ++row) {
      if (of_layer(row)) {
        read_row(row);
      }
    }
    if (mistakes_.empty()) {
      check_whole();
    }
    if (!mistakes_.empty()) {
      throw InputError(mistakes_);
    }
    return std::move(counts_);
  }

 private:
  void add(std::size_t line, std::string message, std::string hint = {}) {
    mistakes_.push_back({.place = {.file = csv_.file(), .line = static_cast<int>(line)},
                         .message = std::move(message),
                         .hint = std::move(hint)});
  }

  void find_columns() {
    for (const std::string& column : csv_.columns()) {
      if (std::ranges::find(kColumns, column) == kColumns.end()) {
        add(1, fmt::format("unknown column '{}'", shown(column)), suggest(column, kColumns));
      }
    }
    layer_column_ = csv_.find_column("layer");
    expert_column_ = csv_.find_column("expert");
    count_column_ = csv_.find_column("count");
    if (!expert_column_ || !count_column_) {
      add(1,
          fmt::format("there is no column '{}'", expert_column_ ? "count" : "expert"),
          "the first line is expert,count or layer,expert,count");
    } else if (layer_ && !layer_column_) {
      add(1, "there is no column 'layer' to choose from", "leave `layer` out of the scenario");
    } else if (!layer_ && layer_column_) {
      add(1, "has several layers", "say in the scenario which one, like layer = 3");
    }
    if (!mistakes_.empty()) {
      throw InputError(mistakes_);
    }
  }

  bool of_layer(std::size_t row) {
    if (!layer_column_) {
      return true;
    }
    const std::string_view text = csv_.field(row, *layer_column_);
    const auto layer = parse_number<std::int64_t>(text);
    if (!layer || *layer < 0) {
      add(csv_.line(row), fmt::format("'{}' is not a layer", shown(text)), "layers are 0, 1, ...");
      return false;
    }
    layers_.insert(*layer);
    return layer == layer_;
  }

  void read_row(std::size_t row) {
    const std::string_view expert_text = csv_.field(row, *expert_column_);
    const std::string_view count_text = csv_.field(row, *count_column_);
    const auto expert = parse_number<std::int64_t>(expert_text);
    const auto count = parse_number<double>(count_text);
    const std::size_t line = csv_.line(row);
    if (!expert || *expert < 0 || *expert >= static_cast<std::int64_t>(counts_.size())) {
      add(line,
          fmt::format("'{}' is not an expert", shown(expert_text)),
          fmt::format("experts are 0 to {}", counts_.size() - 1));
      return;
    }
    if (!count || !std::isfinite(*count) || *count < 0.0 || *count > kGreatestCount) {
      add(line,
          fmt::format("'{}' is not a count", shown(count_text)),
          "a number that is not negative");
      return;
    }
    const auto index = static_cast<std::size_t>(*expert);
    if (line_of_[index] != 0) {
      add(line, fmt::format("expert {} stands on line {} already", index, line_of_[index]));
      return;
    }
    line_of_[index] = line;
    counts_[index] = *count;
  }

  void check_whole() {
    if (layer_column_ && !layers_.contains(*layer_)) {
      add(0,
          fmt::format("has no layer {}", *layer_),
          layers_.empty()
              ? std::string()
              : fmt::format("layers {} to {} are there", *layers_.begin(), *layers_.rbegin()));
      return;
    }
    const auto missing = std::ranges::find(line_of_, std::size_t{0});
    if (missing != line_of_.end()) {
      add(0,
          fmt::format("has no count of expert {}; the model has {} experts",
                      missing - line_of_.begin(),
                      counts_.size()),
          "every expert has a line; 0 is a count");
    } else if (std::ranges::max(counts_) <= 0.0) {
      add(0, "counts nothing: all experts have 0");
    }
  }

  const CsvText& csv_;
  std::optional<std::int64_t> layer_;
  std::vector<double> counts_;
  std::vector<std::size_t> line_of_;  // of each expert's count; 0: none yet
  std::set<std::int64_t> layers_;
  std::optional<std::size_t> layer_column_;
  std::optional<std::size_t> expert_column_;
  std::optional<std::size_t> count_column_;
  std::vector<Diagnostic> mistakes_;
};

}  // namespace

std::vector<double> parse_expert_counts(std::string_view text,
                                        const std::string& file,
                                        std::int64_t experts,
                                        std::optional<std::int64_t> layer) {
  const CsvText csv(text, file);
  return CountReader(csv, experts, layer).read();
}

std::vector<double> read_expert_counts(const std::string& path,
                                       std::int64_t experts,
                                       std::optional<std::int64_t> layer) {
  return parse_expert_counts(read_text_file(path), path, experts, layer);
}

}  // namespace towtank
