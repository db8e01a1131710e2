// A JSON file as a plain tree in which every field remembers where it was written. All of
// nlohmann/json that scenarios need stays behind this header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/error.hpp"

namespace towtank {

struct JsonNode;
struct JsonMember;

using JsonItems = std::vector<JsonNode>;
using JsonMembers = std::vector<JsonMember>;  // in the order of the file

/// One value. Its place is that of the field it belongs to.
struct JsonNode {
  Place place;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, JsonItems, JsonMembers>
      value;  // monostate: null
};

struct JsonMember {
  std::string key;
  JsonNode node;
};

/// Parses JSON; `file` names it in places. Integers beyond 64 bits become numbers. Throws
/// InputError with line and column at the first mistake of grammar, for a field that stands twice
/// in an object, and for text that is nested beyond reason.
JsonNode parse_json(std::string_view text, const std::string& file);

/// Reads and parses a file. EnvironmentError when it cannot be read.
JsonNode read_json_file(const std::string& path);

/// The value of a field, or null when there is none or `node` is no object.
const JsonNode* find_field(const JsonNode& node, std::string_view key);

/// What a value is, for messages: "the text \"x\"", "the integer 8", "null", ...
std::string describe(const JsonNode& node);

}  // namespace towtank
