// The subcommands of the program, a file each, and what they share.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "reports/text_layout.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

inline constexpr const char* kVersion = "towtank 0.1";

/// The command line asks for what there is not, beyond what CLI11 can see. The hint is the next
/// thing to try.
class UsageError : public std::runtime_error {
 public:
  UsageError(const std::string& message, std::string hint);

  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

/// Exit codes. 1 is the answer "no", such as a plan that does not fit.
enum ExitCode {
  kExitOk = 0,
  kExitNo = 1,
  kExitInput = 2,
  kExitEnvironment = 3,
  kExitBug = 4,
};

/// What a command finds and what it leaves.
struct Invocation {
  Colour colour = Colour::kNever;  // of stdout
  int exit_code = kExitOk;
};

/// Each adds its subcommand, which runs as a callback of CLI11 and throws what main() prints.
void add_simulate(CLI::App& program, Invocation& invocation);
void add_compare(CLI::App& program, Invocation& invocation);
void add_check(CLI::App& program, Invocation& invocation);
void add_list(CLI::App& program, Invocation& invocation);
void add_experts(CLI::App& program, Invocation& invocation);
void add_profile(CLI::App& program, Invocation& invocation);
void add_topology(CLI::App& program, Invocation& invocation);
void add_network(CLI::App& program, Invocation& invocation);
void add_validate(CLI::App& program, Invocation& invocation);

/// Adds `--set key=value`, which may stand several times.
void add_overrides(CLI::App& command, std::vector<std::string>& texts);

/// The overrides, split at the first '='. Throws InputError with every text that has none.
std::vector<Override> parse_overrides(const std::vector<std::string>& texts);

/// Prints to stdout.
void print(const std::string& text);

/// Reads a scenario; what its files say and is ignored is said on stderr.
Scenario read_scenario_aloud(const std::string& file, const std::vector<Override>& overrides);

/// Says on stderr what takes its time, when somebody sits at a terminal.
void announce(const std::string& what);

}  // namespace towtank
