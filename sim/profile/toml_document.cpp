#include "sim/profile/toml_document.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

// toml++ 3.3 asserts that a table's name begins with a letter, right before it reports that it does
// not: a mistake of the file, which must not end the program.
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include "sim/base/document_text.hpp"

namespace towtank {
namespace {

constexpr int kMostKeyParts = 32;
constexpr int kDeepest = 64;  // tables and arrays inside each other

Place place_of(const toml::source_region& region, const std::string& file) {
  return {.file = file,
          .line = static_cast<int>(region.begin.line),
          .column = static_cast<int>(region.begin.column)};
}

/// The line on which a key of more than kMostKeyParts parts (a.a.a. ...) may stand, or 0. Such a
/// key nests tables without any bracket; toml++ counts only brackets, and frees tables recursively.
int line_of_endless_key(std::string_view text) {
  int line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
    }
    const bool ends_key = std::string_view("\n=,[]{}#").find(c) != std::string_view::npos;
    dots = ends_key ? 0 : dots + (c == '.' ? 1 : 0);
    if (dots > kMostKeyParts) {
      return line;
    }
  }
  return 0;
}

template <class T>
TomlDate date(const toml::value<T>& value) {
  std::ostringstream text;
  text << value.get();
  return {text.str()};
}

TomlNode converted(const toml::node& node, const std::string& file, int depth);

TomlMembers converted_members(const toml::table& table, const std::string& file, int depth) {
  TomlMembers members;
  for (const auto& [key, value] : table) {  // toml++ keeps keys sorted
    members.push_back({.key = std::string(key.str()),
                       .place = place_of(key.source(), file),
                       .node = converted(value, file, depth + 1)});
  }
  return members;
}

TomlNode converted(const toml::node& node, const std::string& file, int depth) {
  if (depth > kDeepest) {
    throw InputError(place_of(node.source(), file),
                     fmt::format("more than {} tables and arrays inside each other", kDeepest));
  }
  TomlNode result{.place = place_of(node.source(), file), .value = false};
  switch (node.type()) {
    case toml::node_type::table:
      result.value = converted_members(*node.as_table(), file, depth);
      break;
    case toml::node_type::array: {
      TomlArray items;
      for (const toml::node& item : *node.as_array()) {
        items.push_back(converted(item, file, depth + 1));
      }
      result.value = std::move(items);
      break;
    }
    case toml::node_type::string:
      result.value = node.as_string()->get();
      break;
    case toml::node_type::integer:
      result.value = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      result.value = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      result.value = node.as_boolean()->get();
      break;
    case toml::node_type::date:
      result.value = date(*node.as_date());
      break;
    case toml::node_type::time:
      result.value = date(*node.as_time());
      break;
    case toml::node_type::date_time:
      result.value = date(*node.as_date_time());
      break;
    case toml::node_type::none:
      break;
  }
  return result;
}

void place_all_at(TomlNode& node, const Place& place) {
  node.place = place;
  if (auto* items = std::get_if<TomlArray>(&node.value)) {
    for (TomlNode& item : *items) {
      place_all_at(item, place);
    }
  } else if (auto* members = std::get_if<TomlMembers>(&node.value)) {
    for (TomlMember& member : *members) {
      member.place = place;
      place_all_at(member.node, place);
    }
  }
}

TomlMembers::iterator position(TomlMembers& members, std::string_view key) {
  return std::lower_bound(
      members.begin(), members.end(), key, [](const TomlMember& member, std::string_view sought) {
        return member.key < sought;
      });
}

/// The value of `key` in `members`, made a table placed at `place` when it is absent.
TomlNode& entered(TomlMembers& members, const std::string& key, const Place& place) {
  auto at = position(members, key);
  if (at == members.end() || at->key != key) {
    at = members.insert(
        at, {.key = key, .place = place, .node = {.place = place, .value = TomlMembers{}}});
  }
  return at->node;
}

}  // namespace

TomlNode parse_toml(std::string_view text, const std::string& file) {
  if (text.size() > kLargestDocument) {
    throw InputError({.file = file}, "the file is larger than 16 MiB", "is it the right file?");
  }
  if (const int line = line_of_endless_key(text); line > 0) {
    throw InputError({.file = file, .line = line, .column = 1},
                     fmt::format("more than {} parts in one dotted key", kMostKeyParts));
  }
  try {
    return converted(toml::parse(text), file, 0);
  } catch (const toml::parse_error& error) {
    throw InputError(
        place_of(error.source(), file),
        fmt::format("not valid TOML: {}", shown(error.description(), 200)),
        "text needs quotes, and every line is `key = value`, `[table]` or `[[table]]`");
  }
}

TomlNode read_toml_file(const std::string& path) {
  return parse_toml(read_document_text(path), path);
}

TomlNode parse_toml_value(std::string_view text, const Place& place) {
  TomlNode value{.place = place, .value = std::string(text)};
  try {
    TomlNode whole = parse_toml("value = " + std::string(text), place.file);
    auto& members = std::get<TomlMembers>(whole.value);
    const bool one_value = members.size() == 1 && members.front().key == "value" &&
                           !std::holds_alternative<TomlDate>(members.front().node.value);
    if (one_value) {
      value = std::move(members.front().node);
    }
  } catch (const InputError&) {  // not TOML: a word or a quantity without quotes
  }
  place_all_at(value, place);
  return value;
}

const TomlMember* find_member(const TomlNode& node, std::string_view key) {
  const auto* members = std::get_if<TomlMembers>(&node.value);
  if (members == nullptr) {
    return nullptr;
  }
  const auto at = std::find_if(members->begin(), members->end(), [key](const TomlMember& member) {
    return member.key == key;
  });
  return at == members->end() ? nullptr : &*at;
}

TomlNode laid_over(TomlNode top, TomlNode base) {
  auto* above = std::get_if<TomlMembers>(&top.value);
  auto* below = std::get_if<TomlMembers>(&base.value);
  if (above == nullptr || below == nullptr) {
    return top;
  }
  top.place = base.place;
  for (TomlMember& member : *below) {
    const auto at = position(*above, member.key);
    if (at != above->end() && at->key == member.key) {
      at->node = laid_over(std::move(at->node), std::move(member.node));
    } else {
      above->insert(at, std::move(member));
    }
  }
  return top;
}

void put(TomlNode& root, const std::vector<std::string>& keys, TomlNode value) {
  const Place place = value.place;
  TomlNode* node = &root;
  std::string path;
  for (const std::string& key : keys) {
    auto* members = std::get_if<TomlMembers>(&node->value);
    if (members == nullptr) {
      throw InputError(place, fmt::format("'{}' is {}, not a table", shown(path), describe(*node)));
    }
    path += (path.empty() ? "" : ".") + key;
    node = &entered(*members, key, place);
  }
  *node = std::move(value);
}

std::string describe(const TomlNode& node) {
  struct Visitor {
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const {
      return fmt::format("the integer {}", number);
    }
    std::string operator()(double number) const { return fmt::format("the number {}", number); }
    std::string operator()(const std::string& text) const {
      return fmt::format("the text \"{}\"", shown(text));
    }
    std::string operator()(const TomlDate& date) const {
      return fmt::format("the date {}", date.text);
    }
    std::string operator()(const TomlArray&) const { return "an array"; }
    std::string operator()(const TomlMembers&) const { return "a table"; }
  };
  return std::visit(Visitor(), node.value);
}

std::string shown(std::string_view text, std::size_t longest) {
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    result += control ? fmt::format("\\x{:02x}", static_cast<unsigned>(c)) : std::string(1, c);
  }
  return result + (text.size() > longest ? "..." : "");
}

}  // namespace towtank
