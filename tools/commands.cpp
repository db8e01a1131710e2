#include "tools/commands.hpp"

#include <cstdio>
#include <utility>

#include <unistd.h>

#include "sim/base/error.hpp"

namespace towtank {

UsageError::UsageError(const std::string& message, std::string hint)
    : std::runtime_error(message), hint_(std::move(hint)) {}

void add_overrides(CLI::App& command, std::vector<std::string>& texts) {
  command.add_option("--set", texts, "Set one value, such as plan.pipeline=8 (repeat for more)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> overrides;
  std::vector<Diagnostic> mistakes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      mistakes.push_back({.place = {.file = "--set " + text},
                          .message = "expected key=value",
                          .hint = "write it like --set plan.pipeline=8"});
    } else {
      overrides.push_back({.key = text.substr(0, equals), .value = text.substr(equals + 1)});
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return overrides;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Scenario read_scenario_aloud(const std::string& file, const std::vector<Override>& overrides) {
  Scenario scenario = read_scenario(file, overrides);
  for (const Diagnostic& warning : scenario.warnings) {
    const std::string line = to_string(warning) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  return scenario;
}

void announce(const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) {
    const std::string line = what + " ...\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
}

}  // namespace towtank
