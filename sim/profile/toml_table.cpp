#include "sim/profile/toml_table.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"

namespace towtank {
namespace {

/// A value to read on with after a mistake: small, positive and inside the range.
std::int64_t stand_in(IntegerRange range) {
  return std::clamp<std::int64_t>(1, range.least, range.most);
}

/// "1 to 64", "at least 1" when the upper bound is only there against overflow.
std::string text_of(IntegerRange range) {
  if (range.most >= IntegerRange{}.most) {
    return fmt::format("at least {}", range.least);
  }
  return fmt::format("from {} to {}", range.least, range.most);
}

std::string text_of(NumberRange range) {
  if (range.most >= NumberRange{}.most) {
    const bool positive = range.least > 0.0 && range.least < 1e-9;
    return positive ? "above 0" : fmt::format("at least {}", range.least);
  }
  return fmt::format("from {} to {}", range.least, range.most);
}

/// The table's name as it is written in the file: "[plan]", "[[published]]" for the item
/// "published.2" of an array, "the file" for its top level.
std::string written(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  const bool item = dot != std::string_view::npos &&
                    path.find_first_not_of("0123456789", dot + 1) == std::string_view::npos;
  if (item) {
    return fmt::format("[[{}]]", shown(path.substr(0, dot)));
  }
  return path.empty() ? "the file" : fmt::format("[{}]", shown(path));
}

/// How a value of another type is written as what was expected, if that is likely what was meant.
std::string rewritten(const TomlNode& node, std::string_view expected) {
  if (const auto* date = std::get_if<TomlDate>(&node.value); date && expected.starts_with("text")) {
    return fmt::format("write it in quotes: \"{}\"", date->text);
  }
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) {
    return {};
  }
  if (expected == "an array") {
    return fmt::format("write it in brackets: [\"{}\"]", shown(*text));
  }
  const bool numeric = text->find_first_not_of("0123456789.+-_eE") == std::string::npos;
  const bool meant = expected.starts_with("a number") || expected.starts_with("an integer");
  return numeric && meant ? fmt::format("write it without quotes: {}", shown(*text)) : "";
}

}  // namespace

void Mistakes::add(std::string_view path, Place place, std::string message, std::string hint) {
  if (!path.empty()) {
    unsound_.emplace(path);
  }
  entries_.push_back(
      {.path = std::string(path),
       .diagnostic = {
           .place = std::move(place), .message = std::move(message), .hint = std::move(hint)}});
}

void Mistakes::add(const InputError& error, std::string_view path) {
  for (const Diagnostic& diagnostic : error.diagnostics()) {
    add(path, diagnostic.place, diagnostic.message, diagnostic.hint);
  }
}

void Mistakes::distrust(std::string_view path) {
  unsound_.emplace(path);
}

void Mistakes::explain_away(std::string_view path) {
  std::erase_if(entries_, [path](const Entry& entry) { return entry.path == path; });
}

bool Mistakes::sound(std::string_view path) const {
  for (std::size_t end = path.size(); end != std::string_view::npos;) {
    if (unsound_.contains(path.substr(0, end))) {
      return false;
    }
    end = end == 0 ? std::string_view::npos : path.rfind('.', end - 1);
  }
  return true;
}

void Mistakes::throw_if_any() const {
  if (entries_.empty()) {
    return;
  }
  std::vector<Diagnostic> diagnostics;
  for (const Entry& entry : entries_) {
    diagnostics.push_back(entry.diagnostic);
  }
  std::ranges::sort(diagnostics);
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end()), diagnostics.end());
  throw InputError(std::move(diagnostics));
}

TomlTable::TomlTable(const TomlNode& node, std::string path, Mistakes& mistakes)
    : node_(&node), place_(node.place), path_(std::move(path)), mistakes_(&mistakes) {
  if (!std::holds_alternative<TomlMembers>(node.value)) {
    wrong(path_, node, "a table");
    node_ = nullptr;
  }
}

// Keys, places and what was asked for.

std::string TomlTable::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

bool TomlTable::has(std::string_view key) {
  return ask(key) != nullptr;
}

bool TomlTable::holds(std::string_view key) const {
  return node_ != nullptr && find_member(*node_, key) != nullptr;
}

Place TomlTable::place(std::string_view key) const {
  return holds(key) ? find_member(*node_, key)->node.place : place_;
}

bool TomlTable::sound(std::string_view key) const {
  return mistakes_->sound(path_of(key));
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> result;
  if (node_ != nullptr) {
    for (const TomlMember& member : std::get<TomlMembers>(node_->value)) {
      result.push_back(member.key);
    }
  }
  return result;
}

const TomlNode* TomlTable::ask(std::string_view key) {
  asked_.emplace_back(key);
  return holds(key) ? &find_member(*node_, key)->node : nullptr;
}

const TomlNode* TomlTable::require(std::string_view key, std::string_view example) {
  const TomlNode* node = ask(key);
  if (node == nullptr && node_ != nullptr) {
    missing_.emplace_back(key);
    mistakes_->add(path_of(key),
                   place_,
                   fmt::format("missing key '{}' in {}", key, written(path_)),
                   fmt::format("add, for example: {} = {}", key, example));
  }
  return node;
}

void TomlTable::mistake(std::string_view key, std::string message, std::string hint) {
  mistakes_->add(path_of(key), place(key), std::move(message), std::move(hint));
}

void TomlTable::wrong(std::string_view path, const TomlNode& node, std::string_view expected) {
  mistakes_->add(path,
                 node.place,
                 fmt::format("'{}': expected {}, found {}", shown(path), expected, describe(node)),
                 rewritten(node, expected));
}

void TomlTable::finish() {
  if (node_ == nullptr) {
    return;
  }
  std::ranges::sort(asked_);
  asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
  for (const TomlMember& member : std::get<TomlMembers>(node_->value)) {
    if (std::ranges::binary_search(asked_, member.key)) {
      continue;
    }
    const std::string meant = nearest_word(member.key, asked_);
    if (std::ranges::find(missing_, meant) != missing_.end()) {
      mistakes_->explain_away(path_of(meant));
    }
    mistakes_->add(path_of(member.key),
                   member.place,
                   fmt::format("unknown key '{}' in {}", shown(member.key), written(path_)),
                   asked_.empty() ? "" : suggest(member.key, asked_));
  }
}

// Single values.

std::optional<std::int64_t> TomlTable::as_integer(std::string_view path,
                                                  const TomlNode& node,
                                                  IntegerRange range) {
  const auto* value = std::get_if<std::int64_t>(&node.value);
  if (value == nullptr) {
    wrong(path, node, "an integer");
    return std::nullopt;
  }
  if (*value < range.least || *value > range.most) {
    wrong(path, node, "an integer " + text_of(range));
    return std::nullopt;
  }
  return *value;
}

std::optional<double> TomlTable::as_number(std::string_view path,
                                           const TomlNode& node,
                                           NumberRange range) {
  double value = 0.0;
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) {
    value = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    value = *real;
  } else {
    wrong(path, node, "a number");
    return std::nullopt;
  }
  if (!std::isfinite(value) || value < range.least || value > range.most) {
    wrong(path, node, "a number " + text_of(range));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> TomlTable::as_word(std::string_view path,
                                              const TomlNode& node,
                                              std::span<const std::string> known) {
  const auto* value = std::get_if<std::string>(&node.value);
  if (value == nullptr) {
    wrong(path, node, fmt::format("a word like \"{}\"", known.front()));
    return std::nullopt;
  }
  if (std::ranges::find(known, *value) == known.end()) {
    mistakes_->add(path,
                   node.place,
                   fmt::format("'{}': \"{}\" is not known", shown(path), shown(*value)),
                   suggest(*value, known));
    return std::nullopt;
  }
  return *value;
}

std::int64_t TomlTable::integer(std::string_view key, IntegerRange range) {
  const TomlNode* node = require(key, std::to_string(range.example));
  return (node == nullptr ? std::nullopt : as_integer(path_of(key), *node, range))
      .value_or(stand_in(range));
}

std::int64_t TomlTable::integer_or(std::string_view key,
                                   std::int64_t fallback,
                                   IntegerRange range) {
  const TomlNode* node = ask(key);
  return node == nullptr ? fallback
                         : as_integer(path_of(key), *node, range).value_or(stand_in(range));
}

double TomlTable::number(std::string_view key, NumberRange range) {
  const TomlNode* node = require(key, fmt::format("{}", range.example));
  return (node == nullptr ? std::nullopt : as_number(path_of(key), *node, range))
      .value_or(range.example);
}

double TomlTable::number_or(std::string_view key, double fallback, NumberRange range) {
  const TomlNode* node = ask(key);
  return node == nullptr ? fallback : as_number(path_of(key), *node, range).value_or(range.example);
}

std::string TomlTable::as_text(std::string_view key, const TomlNode& node) {
  const auto* value = std::get_if<std::string>(&node.value);
  if (value == nullptr) {
    wrong(path_of(key), node, "text in quotes");
    return {};
  }
  if (value->empty()) {
    mistake(key, fmt::format("'{}' is empty", path_of(key)));
  }
  return *value;
}

std::string TomlTable::text(std::string_view key, std::string_view example) {
  const TomlNode* node = require(key, fmt::format("\"{}\"", example));
  return node == nullptr ? std::string() : as_text(key, *node);
}

std::string TomlTable::text_or(std::string_view key, std::string fallback) {
  const TomlNode* node = ask(key);
  return node == nullptr ? std::move(fallback) : as_text(key, *node);
}

bool TomlTable::flag(std::string_view key) {
  require(key, "true");
  return has(key) && flag_or(key, false);
}

bool TomlTable::flag_or(std::string_view key, bool fallback) {
  const TomlNode* node = ask(key);
  if (node == nullptr) {
    return fallback;
  }
  const auto* value = std::get_if<bool>(&node->value);
  if (value == nullptr) {
    wrong(path_of(key), *node, "true or false");
    return fallback;
  }
  return *value;
}

std::string TomlTable::word(std::string_view key, std::span<const std::string> known) {
  const TomlNode* node = require(key, fmt::format("\"{}\"", known.front()));
  return (node == nullptr ? std::nullopt : as_word(path_of(key), *node, known))
      .value_or(known.front());
}

std::string TomlTable::word_or(std::string_view key,
                               std::string fallback,
                               std::span<const std::string> known) {
  const TomlNode* node = ask(key);
  return node == nullptr ? std::move(fallback)
                         : as_word(path_of(key), *node, known).value_or(known.front());
}

// Quantities.

double TomlTable::as_quantity(std::string_view key,
                              const TomlNode& node,
                              Dimension dimension,
                              Zero zero) {
  constexpr double kStandIn = 1.0;
  std::string text;
  if (const auto* written_text = std::get_if<std::string>(&node.value)) {
    text = *written_text;
  } else if (const auto* integer = std::get_if<std::int64_t>(&node.value)) {
    text = fmt::format("{}", *integer);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    text = fmt::format("{}", *real);
  } else {
    wrong(path_of(key), node, "text with a number and its unit");
    return kStandIn;
  }
  const ParsedQuantity parsed = parse_quantity(text, dimension);
  if (parsed.problem) {
    mistake(key,
            fmt::format("'{}': {}", path_of(key), shown(parsed.problem->message)),
            parsed.problem->hint);
    return kStandIn;
  }
  if (!std::isfinite(parsed.si) || (zero == Zero::kRefused && parsed.si == 0.0)) {
    mistake(key,
            fmt::format("'{}': expected more than nothing and less than infinity, found \"{}\"",
                        path_of(key),
                        shown(text)));
    return kStandIn;
  }
  return parsed.si;
}

double TomlTable::quantity(std::string_view key, Dimension dimension, Zero zero) {
  const TomlNode* node = ask(key);
  if (node != nullptr) {
    return as_quantity(key, *node, dimension, zero);
  }
  if (node_ != nullptr) {
    missing_.emplace_back(key);
    mistakes_->add(path_of(key),
                   place_,
                   fmt::format("missing key '{}' in {}", key, written(path_)),
                   parse_quantity("", dimension).problem->hint);
  }
  return 1.0;
}

Seconds TomlTable::time(std::string_view key, Zero zero) {
  return Seconds(quantity(key, Dimension::kTime, zero));
}
Bytes TomlTable::data(std::string_view key) {
  return Bytes(quantity(key, Dimension::kData, Zero::kRefused));
}
Bandwidth TomlTable::bandwidth(std::string_view key) {
  return Bandwidth(quantity(key, Dimension::kBandwidth, Zero::kRefused));
}
FlopRate TomlTable::flop_rate(std::string_view key) {
  return FlopRate(quantity(key, Dimension::kFlopRate, Zero::kRefused));
}
Price TomlTable::price(std::string_view key) {
  return Price(quantity(key, Dimension::kPrice, Zero::kAllowed));
}
Seconds TomlTable::time_or(std::string_view key, Seconds fallback) {
  const TomlNode* node = ask(key);
  return node == nullptr ? fallback
                         : Seconds(as_quantity(key, *node, Dimension::kTime, Zero::kAllowed));
}
Bandwidth TomlTable::bandwidth_or(std::string_view key, Bandwidth fallback) {
  const TomlNode* node = ask(key);
  return node == nullptr
             ? fallback
             : Bandwidth(as_quantity(key, *node, Dimension::kBandwidth, Zero::kRefused));
}
FlopRate TomlTable::flop_rate_or(std::string_view key, FlopRate fallback) {
  const TomlNode* node = ask(key);
  return node == nullptr ? fallback
                         : FlopRate(as_quantity(key, *node, Dimension::kFlopRate, Zero::kRefused));
}

// Arrays and tables.

const TomlArray* TomlTable::as_array(std::string_view key, const TomlNode& node) {
  const auto* items = std::get_if<TomlArray>(&node.value);
  if (items == nullptr) {
    wrong(path_of(key), node, "an array");
  }
  return items;
}

std::vector<std::int64_t> TomlTable::integers_or_none(std::string_view key, IntegerRange range) {
  const TomlNode* node = ask(key);
  const TomlArray* items = node == nullptr ? nullptr : as_array(key, *node);
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const auto value = as_integer(path_of(key), (*items)[i], range)) {
      result.push_back(*value);
    }
  }
  return result;
}

std::vector<std::int64_t> TomlTable::integers(std::string_view key, IntegerRange range) {
  require(key, fmt::format("[{}]", range.example));
  return integers_or_none(key, range);
}

std::vector<double> TomlTable::numbers(std::string_view key, NumberRange range) {
  const TomlNode* node = require(key, fmt::format("[{}]", range.example));
  const TomlArray* items = node == nullptr ? nullptr : as_array(key, *node);
  std::vector<double> result;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (const auto value = as_number(path_of(key), (*items)[i], range)) {
      result.push_back(*value);
    }
  }
  return result;
}

std::vector<std::string> TomlTable::words(std::string_view key,
                                          std::span<const std::string> known) {
  const TomlNode* node = require(key, fmt::format("[\"{}\"]", known.front()));
  const TomlArray* items = node == nullptr ? nullptr : as_array(key, *node);
  std::vector<std::string> result;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (auto value = as_word(path_of(key), (*items)[i], known)) {
      result.push_back(*std::move(value));
    }
  }
  return result;
}

TomlTable TomlTable::table(std::string_view key, std::string_view example) {
  static const TomlNode kNothing{.place = {}, .value = TomlMembers{}};
  if (sound(key)) {
    if (auto found = optional_table(key)) {
      return std::move(*found);
    }
    if (node_ != nullptr) {
      missing_.emplace_back(key);
      mistakes_->add(path_of(key),
                     place_,
                     fmt::format("missing table [{}]", path_of(key)),
                     fmt::format("add, for example: {}", example));
    }
  }
  asked_.emplace_back(key);
  TomlTable absent(kNothing, path_of(key), *mistakes_);
  absent.node_ = nullptr;
  absent.place_ = place(key);
  return absent;
}

std::optional<TomlTable> TomlTable::optional_table(std::string_view key) {
  const TomlNode* node = ask(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  return TomlTable(*node, path_of(key), *mistakes_);
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  const TomlNode* node = ask(key);
  const TomlArray* items = node == nullptr ? nullptr : as_array(key, *node);
  std::vector<TomlTable> result;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    result.emplace_back((*items)[i], fmt::format("{}.{}", path_of(key), i), *mistakes_);
  }
  return result;
}

}  // namespace towtank
