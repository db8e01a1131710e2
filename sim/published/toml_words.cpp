#include "sim/published/toml_words.hpp"

#include <variant>

namespace towtank {

std::vector<std::string> words_or_none(TomlTable& table,
                                       const TomlNode& node,
                                       std::string_view key) {
  std::vector<std::string> words;
  const TomlMember* const member = table.has(key) ? find_member(node, key) : nullptr;
  if (member == nullptr) {
    return words;
  }
  const auto* const items = std::get_if<TomlArray>(&member->node.value);
  if (items == nullptr) {
    table.mistake(key, "expected an array of texts, found " + describe(member->node));
    return words;
  }
  words.reserve(items->size());
  for (const TomlNode& item : *items) {
    const auto* const word = std::get_if<std::string>(&item.value);
    if (word == nullptr || word->empty()) {
      table.mistake(key, "expected a text, found " + describe(item));
    } else {
      words.push_back(*word);
    }
  }
  return words;
}

std::vector<const TomlNode*> table_nodes(const TomlNode& node, std::string_view key) {
  std::vector<const TomlNode*> nodes;
  const TomlMember* const member = find_member(node, key);
  const auto* const items =
      member == nullptr ? nullptr : std::get_if<TomlArray>(&member->node.value);
  if (items == nullptr) {
    return nodes;
  }
  nodes.reserve(items->size());
  for (const TomlNode& item : *items) {
    nodes.push_back(&item);
  }
  return nodes;
}

}  // namespace towtank
