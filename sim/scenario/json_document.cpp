#include "sim/scenario/json_document.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/base/document_text.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

constexpr std::size_t kDeepest = 64;  // objects and arrays inside each other

/// Walks over the text and leaves in `*reached` how far the parser has come.
class Walk {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Walk(const char* at, const char** reached) : at_(at), reached_(reached) {}

  reference operator*() const { return *at_; }
  Walk& operator++() {
    ++at_;
    *reached_ = at_;
    return *this;
  }
  friend bool operator==(const Walk& a, const Walk& b) { return a.at_ == b.at_; }
  friend bool operator!=(const Walk& a, const Walk& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  const char** reached_;
};

/// Lines and columns of ever later offsets in a text.
class Lines {
 public:
  Lines(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  Place place(std::size_t offset) {
    offset = std::min(offset, text_.size());
    for (; seen_ < offset; ++seen_) {
      if (text_[seen_] == '\n') {
        ++line_;
        line_start_ = seen_ + 1;
      }
    }
    const std::size_t column = offset >= line_start_ ? offset - line_start_ : 0;
    return {.file = file_, .line = line_, .column = static_cast<int>(column) + 1};
  }

 private:
  std::string_view text_;
  std::string file_;
  std::size_t seen_ = 0;
  std::size_t line_start_ = 0;
  int line_ = 1;
};

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." without
/// what the place already says.
std::string reason_of(std::string_view what) {
  const std::size_t bracket = what.find("] ");
  what.remove_prefix(bracket == std::string_view::npos ? 0 : bracket + 2);
  constexpr std::string_view kPrefix = "parse error at line";
  const std::size_t colon = what.find(": ");
  if (what.starts_with(kPrefix) && colon != std::string_view::npos) {
    what.remove_prefix(colon + 2);
  }
  return shown(what, 200);
}

/// Builds the tree from what the parser finds.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, const std::string& file)
      : begin_(text.data()), reached_(text.data()), lines_(text, file) {
    place_ = lines_.place(0);
  }

  Walk walk(std::string_view text) { return {text.data(), &reached_}; }
  Walk end(std::string_view text) { return {text.data() + text.size(), &reached_}; }
  JsonNode result() && { return std::move(root_); }

  bool null() override { return add(std::monostate{}); }
  bool boolean(bool flag) override { return add(flag); }
  bool number_integer(number_integer_t number) override { return add(std::int64_t{number}); }
  bool number_unsigned(number_unsigned_t number) override {
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return add(static_cast<double>(number));
    }
    return add(static_cast<std::int64_t>(number));
  }
  bool number_float(number_float_t number, const string_t&) override { return add(number); }
  bool string(string_t& text) override { return add(std::move(text)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(JsonMembers{}); }
  bool start_array(std::size_t) override { return open(JsonItems{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto offset = static_cast<std::size_t>(reached_ - begin_);
    place_ = lines_.place(offset - std::min(offset, name.size() + 2));  // before both quotes
    if (!names_.back().insert(name).second) {
      throw InputError(place_, fmt::format("a second field \"{}\"", shown(name)));
    }
    std::get<JsonMembers>(open_.back()->value).push_back({.key = std::move(name), .node = {}});
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::json::exception& error) override {
    throw InputError(lines_.place(position > 0 ? position - 1 : 0),
                     fmt::format("not valid JSON: {}", reason_of(error.what())),
                     "is it the whole file, as it was published?");
  }

 private:
  /// Where the next value goes.
  JsonNode& slot() {
    if (open_.empty()) {
      return root_;
    }
    if (auto* items = std::get_if<JsonItems>(&open_.back()->value)) {
      return items->emplace_back();
    }
    return std::get<JsonMembers>(open_.back()->value).back().node;
  }

  template <class T>
  bool add(T value) {
    JsonNode& node = slot();
    node.place = place_;
    node.value = std::move(value);
    return true;
  }

  template <class T>
  bool open(T empty) {
    if (open_.size() == kDeepest) {
      throw InputError(place_,
                       fmt::format("more than {} objects and arrays inside each other", kDeepest));
    }
    JsonNode& node = slot();
    node.place = place_;
    node.value = std::move(empty);
    open_.push_back(&node);
    names_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    names_.pop_back();
    return true;
  }

  const char* begin_;
  const char* reached_;
  Lines lines_;
  Place place_;
  JsonNode root_;
  // Only the innermost one grows, so none of them moves.
  std::vector<JsonNode*> open_;
  std::vector<std::set<std::string>> names_;  // of the fields of each that is open
};

}  // namespace

JsonNode parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kLargestDocument) {
    throw InputError({.file = file}, "the file is larger than 16 MiB", "is it the right file?");
  }
  TreeBuilder builder(text, file);
  const bool whole = nlohmann::json::sax_parse(builder.walk(text), builder.end(text), &builder);
  check(whole, "the parser reports what it cannot read");
  return std::move(builder).result();
}

JsonNode read_json_file(const std::string& path) {
  return parse_json(read_document_text(path), path);
}

const JsonNode* find_field(const JsonNode& node, std::string_view key) {
  const auto* members = std::get_if<JsonMembers>(&node.value);
  if (members == nullptr) {
    return nullptr;
  }
  const auto at = std::find_if(members->begin(), members->end(), [key](const JsonMember& member) {
    return member.key == key;
  });
  return at == members->end() ? nullptr : &at->node;
}

std::string describe(const JsonNode& node) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const {
      return fmt::format("the integer {}", number);
    }
    std::string operator()(double number) const { return fmt::format("the number {}", number); }
    std::string operator()(const std::string& text) const {
      return fmt::format("the text \"{}\"", shown(text));
    }
    std::string operator()(const JsonItems&) const { return "an array"; }
    std::string operator()(const JsonMembers&) const { return "an object"; }
  };
  return std::visit(Visitor(), node.value);
}

}  // namespace towtank
