#include "sim/profile/tables/kernel_map.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <span>

#include <fmt/format.h>

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {
namespace {

// For std::regex, whose compiler is recursive.

constexpr std::size_t kLongestPattern = 300;

constexpr IntegerRange kInputRange = {.least = 0, .most = 99, .example = 0};

template <typename Enum>
std::vector<std::string> names_of(const std::vector<Enum>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const Enum one : all) {
    names.emplace_back(name(one));
  }
  return names;
}

template <typename Enum>
Enum named(const std::string& word, const std::vector<Enum>& all) {
  return *std::ranges::find_if(all, [&word](Enum one) { return name(one) == word; });
}

/// The sizes a kind of op needs, the optional ones last.
struct SizeNames {
  std::vector<std::string> needed;
  std::vector<std::string> optional;
};

SizeNames size_names(OpKind kind) {
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      return {{"m", "n", "k"}, {"groups"}};
    case ShapeForm::kAttention:
      return {{"batch", "heads", "query", "context", "qk_dim", "v_dim"}, {"kv_heads"}};
    case ShapeForm::kSweep:
      return {{"rows", "columns"}, {}};
    case ShapeForm::kMoe:
    case ShapeForm::kCollective:
    case ShapeForm::kExchange:
      return {};
  }
  return {};
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

/// "0[1]", "0[-1]", "0[:-1]", "0[*]" or "8".
std::optional<SizeTerm> parse_term(std::string_view text) {
  using Take = SizeTerm::Take;
  const std::size_t bracket = text.find('[');
  const std::optional<std::int64_t> number = integer(text.substr(0, bracket));
  if (!number || *number < 0 || *number > std::numeric_limits<std::int32_t>::max()) {
    return std::nullopt;
  }
  if (bracket == std::string_view::npos) {
    return *number == 0 ? std::nullopt : std::optional(SizeTerm{Take::kConstant, *number});
  }
  const std::string_view inside = text.substr(bracket + 1);
  const auto input = static_cast<std::size_t>(*number);
  if (inside == ":-1]") {
    return SizeTerm{Take::kLeading, 0, input};
  }
  if (inside == "*]") {
    return SizeTerm{Take::kElements, 0, input};
  }
  const std::optional<std::int64_t> dimension =
      inside.ends_with(']') ? integer(inside.substr(0, inside.size() - 1)) : std::nullopt;
  if (!dimension || *dimension < -9 || *dimension > 9) {
    return std::nullopt;
  }
  return SizeTerm{Take::kDimension, *dimension, input};
}

/// Terms joined by '*', which I[*] has too. Empty when the text is no size.
std::vector<SizeTerm> parse_size(std::string_view text) {
  std::vector<SizeTerm> terms;
  while (true) {
    std::size_t end = text.find('*');
    if (end != std::string_view::npos && end > 0 && text[end - 1] == '[') {
      end = text.find('*', end + 1);
    }
    const std::optional<SizeTerm> term = parse_term(text.substr(0, end));
    if (!term) {
      return {};
    }
    terms.push_back(*term);
    if (end == std::string_view::npos) {
      return terms;
    }
    text.remove_prefix(end + 1);
  }
}

void read_size(TomlTable& shape, const std::string& size, OperatorRule& rule) {
  const std::string text = shape.text(size, "0[1]");
  SizeRule read = {.size = size, .terms = parse_size(text)};
  if (shape.sound(size) && read.terms.empty()) {
    shape.mistake(
        size,
        fmt::format("\"{}\" is no size", shown(text)),
        "write dimension 1 of the first input as \"0[1]\", all but the last as \"0[:-1]\", "
        "all elements as \"0[*]\"; join factors with '*'");
  }
  rule.sizes.push_back(std::move(read));
}

void read_sizes(TomlTable& entry, OperatorRule& rule) {
  const SizeNames names = size_names(rule.op);
  if (names.needed.empty()) {
    entry.mistake("op",
                  fmt::format("the sizes of {} are not among an operator's inputs", name(rule.op)),
                  "leave the operator out; its kernels can have shape = \"none\" or \"message\"");
    entry.optional_table("shape");
    return;
  }
  TomlTable shape = entry.table("shape", "shape = {m = \"0[0]\", n = \"1[1]\", k = \"0[1]\"}");
  for (const std::string& size : names.needed) {
    read_size(shape, size, rule);
  }
  for (const std::string& size : names.optional) {
    if (shape.has(size)) {
      read_size(shape, size, rule);
    }
  }
  shape.finish();
}

std::optional<Precision> read_precision(TomlTable& entry) {
  if (!entry.has("precision")) {
    return std::nullopt;
  }
  return named(entry.word("precision", names_of(all_precisions())), all_precisions());
}

std::optional<std::size_t> read_input(TomlTable& entry, std::string_view key) {
  return entry.has(key) ? std::optional(static_cast<std::size_t>(entry.integer(key, kInputRange)))
                        : std::nullopt;
}

std::vector<std::size_t> read_inputs(TomlTable& entry, std::string_view key) {
  std::vector<std::size_t> inputs;
  for (const std::int64_t input : entry.integers_or_none(key, kInputRange)) {
    inputs.push_back(static_cast<std::size_t>(input));
  }
  return inputs;
}

/// Whether queries see later keys is stated, or an input says it.
void read_mask(TomlTable& entry, OperatorRule& rule) {
  rule.window_input = read_input(entry, "window_input");
  rule.causal_input = read_input(entry, "causal_input");
  if (!rule.causal_input) {
    rule.causal = entry.flag("causal");
  }
}

/// The inputs that the sizes name, each once.
std::vector<std::size_t> inputs_of(const std::vector<SizeRule>& sizes) {
  std::set<std::size_t> inputs;
  for (const SizeRule& size : sizes) {
    for (const SizeTerm& term : size.terms) {
      if (term.take != SizeTerm::Take::kConstant) {
        inputs.insert(term.input);
      }
    }
  }
  return {inputs.begin(), inputs.end()};
}

OperatorRule read_operator(TomlTable& entry) {
  OperatorRule rule = {.name = entry.text("name", "aten::mm"),
                       .op = named(entry.word("op", names_of(all_op_kinds())), all_op_kinds()),
                       .sizes = {},
                       .precision = read_precision(entry),
                       .typed_by = read_inputs(entry, "typed_by"),
                       .alike = read_inputs(entry, "alike"),
                       .scales_input = read_input(entry, "scales_input"),
                       .causal_input = {},
                       .window_input = {}};
  if (entry.sound("op")) {
    read_sizes(entry, rule);
    if (shape_form(rule.op) == ShapeForm::kAttention) {
      read_mask(entry, rule);
    }
    entry.finish();
  }
  if (rule.typed_by.empty()) {
    rule.typed_by = inputs_of(rule.sizes);
  }
  return rule;
}

std::vector<OperatorRule> read_operators(TomlTable& file) {
  std::vector<OperatorRule> rules;
  for (TomlTable& entry : file.tables("operator")) {
    OperatorRule rule = read_operator(entry);
    const bool repeated = std::ranges::any_of(rules, [&rule](const OperatorRule& earlier) {
      return earlier.name == rule.name && earlier.op == rule.op;
    });
    if (repeated && entry.sound("name") && entry.sound("op")) {
      entry.mistake("name", fmt::format("{} is listed twice as {}", rule.name, name(rule.op)));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

void read_pattern(TomlTable& entry, KernelRule& rule) {
  rule.pattern = entry.text("pattern", "^nvjet_");
  if (rule.pattern.size() > kLongestPattern) {
    entry.mistake("pattern", fmt::format("a pattern has {} characters at most", kLongestPattern));
    return;
  }
  try {
    rule.regex = std::regex(rule.pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    entry.mistake(
        "pattern",
        fmt::format("\"{}\" is no regular expression: {}", shown(rule.pattern), error.what()),
        "the grammar is ECMAScript's; write \\( for a parenthesis itself");
  }
}

/// The sizes that the groups of the pattern capture: all that the op needs, in the groups' order.
void read_captures(TomlTable& entry, KernelRule& rule) {
  const SizeNames names = size_names(rule.ops.front());
  if (names.needed.empty() || rule.ops.size() > 1) {
    entry.mistake("shape",
                  "sizes in the name are of one op, and a GEMM, attention or a sweep",
                  "write shape = \"none\"");
    return;
  }
  std::vector<std::string> known = names.needed;
  known.insert(known.end(), names.optional.begin(), names.optional.end());
  rule.captures = entry.words("captures", known);
  for (const std::string& size : names.needed) {
    if (entry.sound("captures") && std::ranges::count(rule.captures, size) != 1) {
      entry.mistake("captures", fmt::format("'{}' must be captured, once", size));
    }
  }
  if (entry.sound("pattern") && entry.sound("captures") &&
      rule.regex.mark_count() != rule.captures.size()) {
    entry.mistake("captures",
                  fmt::format("the pattern has {} groups", rule.regex.mark_count()),
                  "a group that captures nothing is written (?:...)");
  }
  if (!rule.precision && entry.sound("precision")) {
    entry.mistake("shape", "a name does not tell the precision", "add precision = \"bf16\"");
  }
}

KernelRule read_kernel(TomlTable& entry) {
  static const std::vector<std::string> kShapes = {"operator", "name", "message", "none"};
  static const std::vector<std::string> kPerCall = {"one", "several", "helper"};
  KernelRule rule;
  read_pattern(entry, rule);
  for (const std::string& op : entry.words("ops", names_of(all_op_kinds()))) {
    rule.ops.push_back(named(op, all_op_kinds()));
  }
  if (rule.ops.empty() && entry.sound("ops")) {
    entry.mistake("ops", "an op is needed", "write, for example, ops = [\"gemm\"]");
  }
  rule.library = entry.text("library", "cublas");
  rule.precision = read_precision(entry);
  rule.shape = static_cast<KernelRule::Shape>(
      std::ranges::find(kShapes, entry.word("shape", kShapes)) - kShapes.begin());
  rule.per_call = static_cast<KernelRule::PerCall>(
      std::ranges::find(kPerCall, entry.word_or("per_call", "one", kPerCall)) - kPerCall.begin());
  if (rule.shape == KernelRule::Shape::kName && !rule.ops.empty() && entry.sound("ops")) {
    read_captures(entry, rule);
  }
  if (entry.sound("shape")) {
    entry.finish();
  }
  return rule;
}

KernelMap read_map(const TomlNode& node) {
  Mistakes mistakes;
  TomlTable file(node, "", mistakes);
  KernelMap map;
  for (TomlTable& entry : file.tables("kernel")) {
    map.kernels.push_back(read_kernel(entry));
  }
  map.operators = read_operators(file);
  if (map.kernels.empty() && file.sound("kernel")) {
    file.mistake("kernel", "no [[kernel]] is listed", "without one nothing is recognised");
  }
  file.finish();
  mistakes.throw_if_any();
  return map;
}

}  // namespace

KernelMap parse_kernel_map(std::string_view text, const std::string& file) {
  return read_map(parse_toml(text, file));
}

KernelMap read_kernel_map(const std::string& path) {
  return read_map(read_toml_file(path));
}

const KernelRule* rule_for(const KernelMap& map, std::string_view kernel_name) {
  const std::string_view name = kernel_name.substr(0, kLongestKernelName);
  const auto found = std::ranges::find_if(map.kernels, [name](const KernelRule& rule) {
    return std::regex_search(name.begin(), name.end(), rule.regex);
  });
  return found == map.kernels.end() ? nullptr : &*found;
}

}  // namespace towtank
