#include "sim/profile/tables/csv_text.hpp"

#include <algorithm>

#include <csv.h>
#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMistakesShown = 10;

}  // namespace

/// Takes what libcsv finds, field by field.
class CsvBuilder {
 public:
  explicit CsvBuilder(CsvText& csv) : csv_(csv) {}

  void take_field(std::string_view field) {
    csv_.characters_.append(field);
    csv_.ends_.push_back(csv_.characters_.size());
    ++fields_;
    newlines_ += static_cast<std::size_t>(std::ranges::count(field, '\n'));
  }

  /// `end` is the character that ended the row; -1 at the end of the text.
  void end_row(int end) {
    if (end == '\n' && after_return_) {  // second half of the line's end
      after_return_ = false;
      return;
    }
    after_return_ = end == '\r';
    if (is_blank()) {
      forget_row();
    } else if (csv_.columns_.empty()) {
      name_columns();
    } else if (fields_ == csv_.columns_.size()) {
      csv_.lines_.push_back(line_);
      kept_ = csv_.ends_.size();
    } else {
      add_mistake(fmt::format("{} fields where the columns are {}", fields_, csv_.columns_.size()));
      forget_row();
    }
    line_ += 1 + newlines_;
    fields_ = 0;
    newlines_ = 0;
  }

  void stop(std::string_view why) { add_mistake(fmt::format("not comma-separated text: {}", why)); }

  void finish() {
    if (csv_.columns_.empty() && mistakes_.empty()) {
      mistakes_.push_back({.place = {.file = csv_.file_},
                           .message = "is empty",
                           .hint = "the first line names the columns"});
    }
    if (!mistakes_.empty()) {
      throw InputError(mistakes_);
    }
  }

 private:
  std::size_t begin_of(std::size_t field) const { return field == 0 ? 0 : csv_.ends_[field - 1]; }

  bool is_blank() const { return csv_.characters_.size() == begin_of(kept_); }

  void forget_row() {
    csv_.characters_.resize(begin_of(kept_));
    csv_.ends_.resize(kept_);
  }

  void name_columns() {
    for (std::size_t field = 0; field < csv_.ends_.size(); ++field) {
      const std::size_t begin = begin_of(field);
      std::string name = csv_.characters_.substr(begin, csv_.ends_[field] - begin);
      if (!name.empty() && csv_.find_column(name)) {
        add_mistake(fmt::format("two columns are named '{}'", name),
                    "the first line names the columns");
      }
      csv_.columns_.push_back(std::move(name));
    }
    forget_row();
  }

  void add_mistake(std::string message, std::string hint = {}) {
    if (mistakes_.size() < kMistakesShown) {
      mistakes_.push_back({.place = {.file = csv_.file_, .line = static_cast<int>(line_)},
                           .message = std::move(message),
                           .hint = std::move(hint)});
    }
  }

  CsvText& csv_;
  std::vector<Diagnostic> mistakes_;
  std::size_t line_ = 1;
  std::size_t fields_ = 0;    // of the current row
  std::size_t newlines_ = 0;  // inside its quoted fields
  std::size_t kept_ = 0;      // fields of the rows before it
  bool after_return_ = false;
};

namespace {

void field_callback(void* field, std::size_t size, void* builder) {
  static_cast<CsvBuilder*>(builder)->take_field({static_cast<const char*>(field), size});
}

void row_callback(int end, void* builder) {
  static_cast<CsvBuilder*>(builder)->end_row(end);
}

}  // namespace

CsvText::CsvText(std::string_view text, const std::string& file) : file_(file) {
  if (text.starts_with("\xEF\xBB\xBF")) {  // byte order mark, as spreadsheets write it
    text.remove_prefix(3);
  }
  characters_.reserve(text.size());
  CsvBuilder builder(*this);
  csv_parser parser;
  check(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) == 0, "libcsv starts");
  const std::size_t parsed =
      csv_parse(&parser, text.data(), text.size(), field_callback, row_callback, &builder);
  if (parsed != text.size() ||
      csv_fini(&parser, field_callback, row_callback, &builder) != CSV_SUCCESS) {
    builder.stop("a quotation mark is missing or out of place");
  }
  csv_free(&parser);
  builder.finish();
}

std::optional<std::size_t> CsvText::find_column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found == columns_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - columns_.begin());
}

std::string_view CsvText::field(std::size_t row, std::size_t column) const {
  const std::size_t index = row * columns_.size() + column;
  const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(characters_).substr(begin, ends_[index] - begin);
}

}  // namespace towtank
