// Arrays of free words in TOML tables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// The texts of the array under `key` of the table at `node`, which `table` reads; none when there
/// is no such key. What is no text is a mistake.
std::vector<std::string> words_or_none(TomlTable& table,
                                       const TomlNode& node,
                                       std::string_view key);

/// The nodes of the array of tables under `key`; none when there is no such key, or it is no array.
std::vector<const TomlNode*> table_nodes(const TomlNode& node, std::string_view key);

}  // namespace towtank
