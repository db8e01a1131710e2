// Ops as the words of a command line: translated to what a profile would say, and read like it.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/op_text.hpp"

namespace towtank {
namespace {

/// A size in the order given; values are TOML.
using Sizes = std::vector<std::pair<std::string, std::string>>;

struct Alias {
  std::string_view word;
  OpKind kind;
};
constexpr Alias kAliases[] = {{"mla-prefill", OpKind::kAttentionForward},
                              {"mla-backward", OpKind::kAttentionBackward}};

std::optional<OpKind> kind_of(std::string_view word) {
  for (const OpKind kind : all_op_kinds()) {
    if (name(kind) == word) {
      return kind;
    }
  }
  for (const Alias& alias : kAliases) {
    if (alias.word == word) {
      return alias.kind;
    }
  }
  return std::nullopt;
}

OpKind parse_kind(std::string_view word) {
  if (const std::optional<OpKind> kind = kind_of(word)) {
    return *kind;
  }
  throw InputError({}, fmt::format("there is no op '{}'", shown(word)), suggest(word, op_words()));
}

void parse_precision(std::string_view word) {
  std::vector<std::string> known;
  known.reserve(all_precisions().size());
  for (const Precision precision : all_precisions()) {
    known.emplace_back(name(precision));
  }
  if (std::ranges::find(known, word) == known.end()) {
    throw InputError(
        {}, fmt::format("there is no precision '{}'", shown(word)), suggest(word, known));
  }
}

std::string example_of(std::string_view word, OpKind kind) {
  return fmt::format("write, for example: {} {}", word, op_sizes_text(example_op(kind)));
}

bool is_plain(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// A whole number, also one written like 1e9, and for bytes one with a unit.
std::optional<std::int64_t> whole_number(std::string_view key, const std::string& word) {
  constexpr double kMost = 1e15;
  std::int64_t integer = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, integer);
  if (error == std::errc{} && stop == end) {
    return integer;
  }
  double number = 0.0;
  const auto [number_stop, number_error] = std::from_chars(word.data(), end, number);
  if (number_error == std::errc{} && number_stop != end && key == "bytes") {
    const std::string spaced = std::string(static_cast<const char*>(word.data()), number_stop) +
                               " " + std::string(number_stop, end);
    const ParsedQuantity quantity = parse_quantity(spaced, Dimension::kData);
    number = quantity.problem ? 0.5 : quantity.si;
  } else if (number_error != std::errc{} || number_stop != end) {
    return std::nullopt;
  }
  if (number != std::floor(number) || std::abs(number) > kMost) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

/// The word as TOML has it: a number, a truth, or a text.
std::string toml_value(std::string_view key, const std::string& word) {
  if (const std::optional<std::int64_t> integer = whole_number(key, word)) {
    return std::to_string(*integer);
  }
  double number = 0.0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  if (error == std::errc{} && stop == end && std::isfinite(number)) {
    return fmt::format("{:e}", number);
  }
  return word == "true" || word == "false" ? word : "\"" + word + "\"";
}

bool has(const Sizes& sizes, std::string_view key) {
  return std::ranges::any_of(sizes, [key](const auto& size) { return size.first == key; });
}

const std::string& at(const Sizes& sizes, std::string_view key) {
  return std::ranges::find_if(sizes, [key](const auto& size) { return size.first == key; })->second;
}

void add_missing(Sizes& sizes, std::string_view key, std::string value) {
  if (!has(sizes, key)) {
    sizes.emplace_back(key, std::move(value));
  }
}

/// A size that is the same as another unless given. Where neither is, only the other is missed.
void add_like(Sizes& sizes, std::string_view key, std::string_view other) {
  add_missing(sizes, key, has(sizes, other) ? std::string(at(sizes, other)) : "1");
}

/// One "key=value". A mistake of its form is thrown with `example` as the hint.
void add_word(Sizes& sizes, const std::string& word, const std::string& example) {
  const std::size_t equals = word.find('=');
  std::string key = word.substr(0, equals);
  std::ranges::replace(key, '-', '_');
  const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (!is_plain(key) || key.find('.') != std::string::npos || !is_plain(value)) {
    throw InputError({}, fmt::format("'{}' is not a size like rows=4096", shown(word)), example);
  }
  if (has(sizes, key)) {
    throw InputError({}, fmt::format("'{}' is given twice", key), "keep one of them");
  }
  sizes.emplace_back(key, toml_value(key, value));
}

Sizes split(const std::vector<std::string>& words, const std::string& example) {
  Sizes sizes;
  for (const std::string& word : words) {
    std::size_t start = 0;
    while (start <= word.size()) {
      const std::size_t comma = std::min(word.find(',', start), word.size());
      add_word(sizes, word.substr(start, comma - start), example);
      start = comma + 1;
    }
  }
  return sizes;
}

/// qk_dim and v_dim where a single number, or MLA, determines them.
void complete_head_sizes(Sizes& sizes, std::string_view word, OpKind kind) {
  const auto head =
      std::ranges::find_if(sizes, [](const auto& size) { return size.first == "head_dim"; });
  if (head != sizes.end()) {
    if (has(sizes, "qk_dim") || has(sizes, "v_dim")) {
      throw InputError({},
                       "'head_dim' stands for qk_dim and v_dim, of which one is given, too",
                       "keep either head_dim, or qk_dim and v_dim");
    }
    const std::string value = head->second;
    sizes.erase(head);
    add_missing(sizes, "qk_dim", value);
    add_missing(sizes, "v_dim", value);
    return;
  }
  const bool latent = kind == OpKind::kMlaDecode || kind == OpKind::kMlaBlockDecode;
  if (latent) {
    add_missing(sizes, "qk_dim", "576");
    add_missing(sizes, "v_dim", "512");
  } else if (word.starts_with("mla")) {
    add_missing(sizes, "qk_dim", "192");
    add_missing(sizes, "v_dim", "128");
  } else {
    add_like(sizes, "v_dim", "qk_dim");
  }
}

void complete_attention(Sizes& sizes, std::string_view word, OpKind kind) {
  complete_head_sizes(sizes, word, kind);
  add_missing(sizes, "batch", "1");
  add_missing(sizes, "causal", "true");
  if (kind == OpKind::kMlaDecode || kind == OpKind::kMlaBlockDecode) {
    add_missing(sizes, "kv_heads", "1");
  }
  if (family(kind) == OpFamily::kDecodeAttention) {
    add_missing(sizes, "query", "1");
  } else if (has(sizes, "query")) {
    add_like(sizes, "context", "query");
  } else {
    add_like(sizes, "query", "context");
  }
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

/// A profile's mistakes as a command line's: without places, and the example once.
std::vector<Diagnostic> in_words(std::vector<Diagnostic> diagnostics, const std::string& example) {
  for (Diagnostic& diagnostic : diagnostics) {
    diagnostic.place = {};
    replace_all(diagnostic.message, " in [shape]", "");
    replace_all(diagnostic.message, "'shape.", "'");
    replace_all(diagnostic.message, "key '", "size '");
    if (!diagnostic.hint.starts_with("did you mean")) {
      diagnostic.hint = &diagnostic == &diagnostics.back() ? example : "";
    }
  }
  return diagnostics;
}

std::string as_toml(OpKind kind, std::string_view precision, const Sizes& sizes) {
  std::string shape;
  for (const auto& [key, value] : sizes) {
    shape += fmt::format("{}{} = {}", shape.empty() ? "" : ", ", key, value);
  }
  return fmt::format(
      "op = \"{}\"\nprecision = \"{}\"\nshape = {{{}}}\n", name(kind), precision, shape);
}

}  // namespace

std::vector<std::string> op_words() {
  std::vector<std::string> words;
  words.reserve(all_op_kinds().size() + std::size(kAliases));
  for (const OpKind kind : all_op_kinds()) {
    words.emplace_back(name(kind));
  }
  for (const Alias& alias : kAliases) {
    words.emplace_back(alias.word);
  }
  return words;
}

Op parse_op(std::string_view kind,
            std::string_view precision,
            const std::vector<std::string>& sizes) {
  const OpKind parsed_kind = parse_kind(kind);
  const std::string_view parsed_precision = precision.empty() ? "bf16" : precision;
  parse_precision(parsed_precision);
  const std::string example = example_of(kind, parsed_kind);
  Sizes parsed = split(sizes, example);
  if (shape_form(parsed_kind) == ShapeForm::kAttention) {
    complete_attention(parsed, kind, parsed_kind);
  }
  Mistakes mistakes;
  const TomlNode node = parse_toml(as_toml(parsed_kind, parsed_precision, parsed), "");
  TomlTable table(node, "", mistakes);
  const Op op = read_op(table);
  table.finish();
  try {
    mistakes.throw_if_any();
  } catch (const InputError& error) {
    throw InputError(in_words(error.diagnostics(), example));
  }
  return op;
}

}  // namespace towtank
