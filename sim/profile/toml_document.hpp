// A TOML file as a plain tree in which every value remembers where it was written.
//
// Trees of several files can be laid over one another: each value keeps the place it came from. All
// of toml++ stays behind this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/error.hpp"

namespace towtank {

struct TomlNode;
struct TomlMember;

/// A date or time of day, as written. Towtank keeps dates as text.
struct TomlDate {
  std::string text;
};

using TomlArray = std::vector<TomlNode>;
using TomlMembers = std::vector<TomlMember>;  // sorted by key, each key once

/// One value and its place.
struct TomlNode {
  Place place;
  std::variant<bool, std::int64_t, double, std::string, TomlDate, TomlArray, TomlMembers> value;
};

/// A key of a table, and what it names.
struct TomlMember {
  std::string key;
  Place place;  // of the key
  TomlNode node;
};

/// Parses TOML; `file` names it in places. The result is a table. Throws InputError at the first
/// mistake of grammar (after which nothing can be read), also for text that is nested beyond
/// reason.
TomlNode parse_toml(std::string_view text, const std::string& file);

/// Reads and parses a file. EnvironmentError when it cannot be read.
TomlNode read_toml_file(const std::string& path);

/// The value a `--set key=value` gives: TOML if it is TOML, otherwise (and for dates) a string.
/// Every part of it is placed at `place`.
TomlNode parse_toml_value(std::string_view text, const Place& place);

/// The member of a table, or null when there is none or `node` is no table.
const TomlMember* find_member(const TomlNode& node, std::string_view key);

/// Lays `top` over `base`: tables merge key by key, anything else of `top` replaces what `base`
/// has. A merged table has the place of `base`, which is the fuller description.
TomlNode laid_over(TomlNode top, TomlNode base);

/// Puts `value` at `keys` below `root`, making tables on the way, each placed where `value` is.
/// Throws InputError there when something on the way is not a table.
void put(TomlNode& root, const std::vector<std::string>& keys, TomlNode value);

/// What a value is, for messages: "text \"x\"", "the number 8", "a table", ...
std::string describe(const TomlNode& node);

/// Text of the user for showing inside a message: control characters made visible, long text cut.
std::string shown(std::string_view text, std::size_t longest = 80);

}  // namespace towtank
