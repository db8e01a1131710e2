// Keys as the command line and messages spell them: "model.attention.heads".
#pragma once

#include <string>
#include <vector>

namespace towtank {

/// Its parts, of which some may be empty.
inline std::vector<std::string> split_at_dots(const std::string& key) {
  std::vector<std::string> parts(1);
  for (const char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace towtank
