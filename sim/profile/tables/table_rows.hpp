// Rows of a table of measured times, read field by field into samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/units.hpp"
#include "sim/model/op.hpp"
#include "sim/profile/sample.hpp"
#include "sim/profile/tables/csv_text.hpp"

namespace towtank {

/// Walks over the rows. Each row ends as a sample or more, as skipped (understood, of no use), or
/// as a mistake; after a mistake or skip() the row's further fields read as harmless values and its
/// add()s do nothing.
class TableRows {
 public:
  /// `table` receives the samples. Both must outlive this.
  TableRows(const CsvText& csv, SampleTable& table);

  /// Index of a column that the kind of the table says is there.
  std::size_t column(std::string_view name) const;
  std::optional<std::size_t> find_column(std::string_view name) const;

  bool next();  // false after the last row

  std::string_view word(std::size_t column) const;

  /// A whole number from `least` to a billion: the product of two stays a whole number.
  std::int64_t whole(std::size_t column, std::int64_t least = 1);

  /// Bytes or elements, from one to a thousand trillion.
  std::int64_t amount(std::size_t column);

  /// A finite number of at least zero.
  double number(std::size_t column);

  /// A finite number above zero.
  double positive(std::size_t column);

  /// How the tables call a precision: "bfloat16", "fp8_block", "nvfp4", ... Formats that are known
  /// but have no precision of ours skip the row.
  Precision precision(std::size_t column);

  /// The field is none of the `known` words.
  void reject_word(std::size_t column, std::span<const std::string> known);

  void reject(std::string message, std::string hint = {});
  void skip(std::string_view reason);
  void add(const Op& op, std::string_view library, Seconds time, int sms = 0);

  /// Hands over what was skipped. InputError with every mistake found, ten at most.
  void finish();

 private:
  std::int64_t integer(std::size_t column, std::int64_t least, std::int64_t most);

  enum class Row { kSound, kSkipped, kWrong };

  const CsvText& csv_;
  SampleTable& table_;
  std::size_t row_ = 0;
  bool started_ = false;
  Row state_ = Row::kSound;
  std::size_t wrong_rows_ = 0;
  std::vector<Diagnostic> mistakes_;
  std::map<std::string, std::size_t, std::less<>> skipped_;
};

}  // namespace towtank
