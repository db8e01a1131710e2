// Texts of measured times for tests, read as files of some name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/profile/tables/read_table.hpp"

namespace towtank {

inline SampleTable read_as(const std::string& name, std::string_view content) {
  return read_table_text(content, name);
}

/// What is said of each mistake, "LINE: message (hint)"; empty when there is none.
inline std::vector<std::string> mistakes_of(const std::string& name, std::string_view content) {
  std::vector<std::string> said;
  try {
    read_table_text(content, name);
  } catch (const InputError& error) {
    for (const Diagnostic& mistake : error.diagnostics()) {
      said.push_back(std::to_string(mistake.place.line) + ": " + mistake.message + " (" +
                     mistake.hint + ")");
    }
  }
  return said;
}

}  // namespace towtank
