// The program `towtank`: reads the command line, runs a subcommand, prints what it throws.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "tools/commands.hpp"

namespace towtank {
namespace {

Colour colour_of_stdout() {
  const char* const terminal = std::getenv("TERM");
  const bool plain = std::getenv("NO_COLOR") != nullptr || terminal == nullptr ||
                     std::string_view(terminal) == "dumb" || isatty(STDOUT_FILENO) == 0;
  return plain ? Colour::kNever : Colour::kTerminal;
}

void complain(const std::string& message, const std::string& hint) {
  fmt::print(stderr, "{}\n", message);
  if (!hint.empty()) {
    fmt::print(stderr, "  hint: {}\n", hint);
  }
}

/// "towtank profile show" for messages, and the app itself: the innermost subcommand that was
/// named.
const CLI::App& innermost(const CLI::App& program, std::string& words) {
  const CLI::App* app = &program;
  words = "towtank";
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    words += " " + app->get_name();
  }
  return *app;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

/// What CLI11 could not make sense of, said like everything else here.
void explain(const CLI::ParseError& error, const CLI::App& program) {
  std::string words;
  const CLI::App& app = innermost(program, words);
  const std::vector<std::string> left = program.remaining(true);
  const std::vector<std::string> commands = command_names(app);
  const std::string help = words + " --help shows how";
  if (!left.empty() && left.front().starts_with("-")) {
    const std::string option = left.front().substr(0, left.front().find('='));
    complain(words + ": unknown option '" + option + "'", suggest(option, option_names(app)));
  } else if (!left.empty() && !commands.empty()) {
    complain(words + ": unknown command '" + left.front() + "'", suggest(left.front(), commands));
  } else if (!left.empty()) {
    complain(words + ": unexpected argument '" + left.front() + "'", help);
  } else if (!commands.empty()) {
    complain(words + ": a command is missing", suggest("", commands));
  } else {
    complain(words + ": " + error.what(), help);
  }
}

int print_mistakes(const InputError& error) {
  const std::vector<Diagnostic>& mistakes = error.diagnostics();
  bool one_file = true;
  for (const Diagnostic& mistake : mistakes) {
    fmt::print(stderr, "{}\n", to_string(mistake));
    one_file = one_file && mistake.place.file == mistakes.front().place.file;
  }
  if (mistakes.size() > 1) {
    fmt::print(stderr,
               "{} mistakes{}\n",
               mistakes.size(),
               one_file ? " in " + mistakes.front().place.file : "");
  }
  return kExitInput;
}

int print_bug(const std::exception& error) {
  fmt::print(stderr,
             "towtank: {}\nThis is a bug in Towtank; please report it with the command and its "
             "files.\n",
             error.what());
  return kExitBug;
}

constexpr const char* kExamples =
    "Examples:\n"
    "  towtank simulate scenarios/deepseek-v3-h800.toml\n"
    "  towtank compare scenarios/deepseek-v3-h800.toml scenarios/deepseek-v3-h100.toml\n"
    "  towtank simulate scenarios/deepseek-v3-h800.toml --set plan.pipeline=8\n"
    "\n"
    "Exit codes: 0 done, 1 the plan does not fit, 2 a mistake in what you wrote,\n"
    "3 the machine or a file, 4 a bug in Towtank.";

int parse_and_run(int argc, const char* const* argv) {
  CLI::App program("Towtank projects what training runs on GPU clusters take and cost.", "towtank");
  program.require_subcommand(1);
  program.set_version_flag("--version", kVersion, "Print the version");
  program.set_help_flag("-h,--help", "Print this help");
  Invocation invocation{.colour = colour_of_stdout()};
  add_simulate(program, invocation);
  add_compare(program, invocation);
  add_check(program, invocation);
  add_list(program, invocation);
  add_experts(program, invocation);
  add_profile(program, invocation);
  add_topology(program, invocation);
  add_network(program, invocation);
  add_validate(program, invocation);
  program.footer(kExamples);  // after the subcommands, which would inherit it
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {  // help or version
      std::ostringstream text;
      program.exit(error, text, text);
      print(text.str());
      return kExitOk;
    }
    explain(error, program);
    return kExitInput;
  }
  return invocation.exit_code;
}

/// Runs the command; every failure becomes words on stderr and an exit code.
int run_program(int argc, const char* const* argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const UsageError& error) {
    complain(error.what(), error.hint());
    return kExitInput;
  } catch (const InputError& error) {
    return print_mistakes(error);
  } catch (const EnvironmentError& error) {
    fmt::print(stderr, "towtank: {}\n", error.what());
    return kExitEnvironment;
  } catch (const std::exception& error) {  // BrokenClaim, and whatever else nobody expected
    return print_bug(error);
  }
}

}  // namespace
}  // namespace towtank

int main(int argc, char** argv) {
  const int exit_code = towtank::run_program(argc, argv);
  if (std::fflush(stdout) != 0) {
    std::fputs("towtank: cannot write the result\n", stderr);
    return towtank::kExitEnvironment;
  }
  return exit_code;
}
