#include "sim/scenario/byte_matrix.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/trimmed.hpp"
#include "sim/profile/tables/text_file.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

constexpr double kMostBytes = 1e18;
constexpr std::size_t kMostColumns = 65'536;

/// Takes the text in line by line.
class MatrixReader {
 public:
  MatrixReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  ByteMatrix read() {
    int line = 0;
    for (std::string_view rest = text_; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      read_line(trimmed(rest.substr(0, end)), ++line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    if (columns_ < 2) {
      wrong(0, "has no rows and columns of bytes", "a line for each GPU, like 0,1048576,2097152");
    }
    if (rows_ != columns_) {
      wrong(last_line_,
            fmt::format("row {} is the last, and there are {} columns", rows_, columns_),
            "as many lines as numbers on a line");
    }
    if (!moves_) {
      wrong(0, "moves nothing: every GPU sends 0 bytes to every other");
    }
    return {.size = static_cast<int>(columns_), .bytes = std::move(bytes_)};
  }

 private:
  [[noreturn]] void wrong(int line,
                          const std::string& message,
                          const std::string& hint = {}) const {
    throw InputError({.file = file_, .line = line}, message, hint);
  }

  void read_line(std::string_view text, int line) {
    if (text.empty()) {
      empty_line_ = empty_line_ == 0 ? line : empty_line_;
      return;
    }
    if (empty_line_ != 0) {
      wrong(empty_line_, "is empty, and rows follow", "a line for each GPU, without gaps");
    }
    if (rows_ > 0 && rows_ == columns_) {
      wrong(line,
            fmt::format("row {}, and there are {} columns", rows_ + 1, columns_),
            "as many lines as numbers on a line");
    }
    std::size_t fields = 0;
    for (bool more = true; more; ++fields) {
      const std::size_t end = text.find(',');
      more = end != std::string_view::npos;
      read_field(trimmed(text.substr(0, end)), line, fields);
      text.remove_prefix(more ? end + 1 : text.size());
    }
    columns_ = rows_ == 0 ? fields : columns_;
    if (fields != columns_) {
      wrong(line,
            fmt::format("has {} numbers, and line 1 has {}", fields, columns_),
            "one for every GPU");
    }
    ++rows_;
    last_line_ = line;
  }

  void read_field(std::string_view field, int line, std::size_t column) {
    if (column >= kMostColumns) {
      wrong(line, fmt::format("has more than {} numbers", kMostColumns));
    }
    double value = 0.0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (field.empty() || error != std::errc() || end != field.data() + field.size() ||
        !std::isfinite(value) || value < 0.0 || value > kMostBytes) {
      wrong(line,
            fmt::format("'{}' (number {} of the line) is not a number of bytes",
                        shown(field, 20),
                        column + 1),
            "a plain number that is not negative, like 1048576");
    }
    moves_ = moves_ || (value > 0.0 && column != rows_);
    bytes_.emplace_back(value);
  }

  std::string_view text_;
  const std::string& file_;
  std::vector<Bytes> bytes_;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  int last_line_ = 0;
  int empty_line_ = 0;
  bool moves_ = false;
};

}  // namespace

ByteMatrix parse_byte_matrix(std::string_view text, const std::string& file) {
  return MatrixReader(text, file).read();
}

ByteMatrix read_byte_matrix(const std::string& path) {
  return parse_byte_matrix(read_text_file(path), path);
}

}  // namespace towtank
