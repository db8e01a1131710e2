// A table of comma-separated text: named columns, and rows that know their line.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace towtank {

class CsvText {
 public:
  /// Reads `text` by RFC 4180. The first line names the columns; empty lines and lines of commas
  /// alone are passed over. InputError, with `file` and line, for a row with more or fewer fields
  /// than columns, a quotation mark out of place, a column named twice, or no line at all.
  CsvText(std::string_view text, const std::string& file);

  const std::string& file() const { return file_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::size_t> find_column(std::string_view name) const;

  std::size_t rows() const { return lines_.size(); }
  std::string_view field(std::size_t row, std::size_t column) const;
  std::size_t line(std::size_t row) const { return lines_[row]; }

 private:
  friend class CsvBuilder;

  std::string file_;
  std::vector<std::string> columns_;
  std::string characters_;          // of all fields, one after another
  std::vector<std::size_t> ends_;   // (rows x columns) end of each field in characters_
  std::vector<std::size_t> lines_;  // (rows)
};

}  // namespace towtank
