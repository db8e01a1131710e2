#include "sim/profile/tables/table_rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMistakesShown = 10;

struct PrecisionWord {
  std::string_view word;
  std::optional<Precision> precision;  // nothing: known, but not ours
};

constexpr std::array kPrecisionWords = {
    PrecisionWord{"bfloat16", Precision::kBf16},
    PrecisionWord{"fp8", Precision::kFp8},
    PrecisionWord{"fp8_block", Precision::kFp8Block},
    PrecisionWord{"half", Precision::kBf16},  // the same size and the same rate
    PrecisionWord{"float16", Precision::kBf16},
    PrecisionWord{"bf16", Precision::kBf16},
    PrecisionWord{"float32", Precision::kFp32},
    PrecisionWord{"float", Precision::kFp32},
    PrecisionWord{"nvfp4", Precision::kFp4},
    PrecisionWord{"int8", Precision::kInt8},
    PrecisionWord{"int4_wo", Precision::kInt4Weights},
    PrecisionWord{"w4a16_mxfp4", Precision::kFp4Weights},
    PrecisionWord{"fp8_ootb", std::nullopt},
    PrecisionWord{"int8_wo", std::nullopt},
    PrecisionWord{"mxfp4", std::nullopt},
    PrecisionWord{"sq", std::nullopt},
    PrecisionWord{"w4a8_mxfp4_mxfp8", std::nullopt},
    PrecisionWord{"w4afp8", std::nullopt},
};

std::vector<std::string> words_of_precisions() {
  std::vector<std::string> words;
  words.reserve(kPrecisionWords.size());
  for (const PrecisionWord& known : kPrecisionWords) {
    words.emplace_back(known.word);
  }
  return words;
}

/// The number that all of `text` spells, if it does.
template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number value = {};
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

TableRows::TableRows(const CsvText& csv, SampleTable& table) : csv_(csv), table_(table) {
  table_.samples.reserve(csv.rows());
}

std::size_t TableRows::column(std::string_view name) const {
  const std::optional<std::size_t> found = csv_.find_column(name);
  check(found.has_value(), "a table's kind is recognised by the columns that its rows are read by");
  return *found;
}

std::optional<std::size_t> TableRows::find_column(std::string_view name) const {
  return csv_.find_column(name);
}

bool TableRows::next() {
  row_ = started_ ? row_ + 1 : 0;
  started_ = true;
  state_ = Row::kSound;
  return row_ < csv_.rows();
}

std::string_view TableRows::word(std::size_t column) const {
  return csv_.field(row_, column);
}

std::int64_t TableRows::whole(std::size_t column, std::int64_t least) {
  return integer(column, least, 1'000'000'000);
}

std::int64_t TableRows::amount(std::size_t column) {
  return integer(column, 1, 1'000'000'000'000'000);
}

std::int64_t TableRows::integer(std::size_t column, std::int64_t least, std::int64_t most) {
  const std::optional<std::int64_t> value = parse<std::int64_t>(word(column));
  if (!value || *value < least || *value > most) {
    reject(fmt::format("{} is '{}', not a whole number from {} to {}",
                       csv_.columns()[column],
                       word(column),
                       least,
                       most));
    return std::max<std::int64_t>(least, 1);
  }
  return *value;
}

double TableRows::number(std::size_t column) {
  const std::optional<double> value = parse<double>(word(column));
  if (!value || !std::isfinite(*value) || *value < 0.0) {
    reject(fmt::format(
        "{} is '{}', not a number of at least zero", csv_.columns()[column], word(column)));
    return 1.0;
  }
  return *value;
}

double TableRows::positive(std::size_t column) {
  const std::optional<double> value = parse<double>(word(column));
  if (!value || !std::isfinite(*value) || *value <= 0.0) {
    reject(
        fmt::format("{} is '{}', not a number above zero", csv_.columns()[column], word(column)));
    return 1.0;
  }
  return *value;
}

Precision TableRows::precision(std::size_t column) {
  const std::string_view field = word(column);
  const auto* known = std::ranges::find(kPrecisionWords, field, &PrecisionWord::word);
  if (known == kPrecisionWords.end()) {
    reject_word(column, words_of_precisions());
    return Precision::kBf16;
  }
  if (!known->precision) {
    skip(fmt::format("{} {}: no precision of the catalogue", csv_.columns()[column], field));
  }
  return known->precision.value_or(Precision::kBf16);
}

void TableRows::reject_word(std::size_t column, std::span<const std::string> known) {
  reject(fmt::format("{} is '{}'", csv_.columns()[column], word(column)),
         suggest(word(column), known));
}

void TableRows::reject(std::string message, std::string hint) {
  if (state_ == Row::kWrong) {
    return;  // one mistake a row
  }
  state_ = Row::kWrong;
  ++wrong_rows_;
  if (mistakes_.size() < kMistakesShown) {
    mistakes_.push_back({.place = {.file = csv_.file(), .line = static_cast<int>(csv_.line(row_))},
                         .message = std::move(message),
                         .hint = std::move(hint)});
  }
}

void TableRows::skip(std::string_view reason) {
  if (state_ != Row::kSound) {
    return;
  }
  state_ = Row::kSkipped;
  const auto known = skipped_.find(reason);
  if (known == skipped_.end()) {
    skipped_.emplace(reason, 1);
  } else {
    ++known->second;
  }
}

void TableRows::add(const Op& op, std::string_view library, Seconds time, int sms) {
  if (state_ == Row::kSound) {
    table_.samples.push_back({.op = op,
                              .sms = sms,
                              .library = std::string(library),
                              .time = time,
                              .line = csv_.line(row_)});
  }
}

void TableRows::finish() {
  if (wrong_rows_ > mistakes_.size()) {
    mistakes_.back().hint += fmt::format("{}{} more lines are wrong",
                                         mistakes_.back().hint.empty() ? "" : "; ",
                                         wrong_rows_ - mistakes_.size());
  }
  if (!mistakes_.empty()) {
    throw InputError(mistakes_);
  }
  table_.skipped.reserve(skipped_.size());
  for (const auto& [reason, rows] : skipped_) {
    table_.skipped.push_back({.reason = reason, .rows = rows});
  }
}

}  // namespace towtank
