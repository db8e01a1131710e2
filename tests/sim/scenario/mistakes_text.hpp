// What is wrong with an input, as a user reads it.
#pragma once

#include <string>

#include "sim/base/error.hpp"

namespace towtank {

/// The mistakes that `read` throws, a line or two each; empty when it throws none.
template <typename Read>
std::string mistakes_of(Read read) {
  try {
    read();
    return "";
  } catch (const InputError& error) {
    std::string all;
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      all += to_string(diagnostic) + "\n";
    }
    return all;
  }
}

}  // namespace towtank
