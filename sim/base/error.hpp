// The three ways Towtank fails, and the one way it says "no".
//
// InputError: the user's text is wrong (exit 2). EnvironmentError: the machine or a file is (exit
// 3). check(): our own mistake (exit 4). "Does not fit" is a value, never an exception.
#pragma once

#include <compare>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace towtank {

/// Where in the user's input something stands. Lines and columns count from 1; 0 means "not known".
/// `file` may also name a command-line flag, such as "--set plan.pipeline=8".
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  friend auto operator<=>(const Place&, const Place&) = default;
};

/// One mistake: where it is, what was expected and found, and the next thing to try.
struct Diagnostic {
  Place place;
  std::string message;
  std::string hint;  // empty when there is nothing useful to suggest

  friend auto operator<=>(const Diagnostic&, const Diagnostic&) = default;
};

/// "file:12:5", "file:12", "file", whichever parts are known.
std::string to_string(const Place& place);

/// "file:12:5: message\n  hint: ..." without a trailing newline.
std::string to_string(const Diagnostic& diagnostic);

/// The user's input is wrong. Carries every mistake found, in the order of the text.
class InputError : public std::runtime_error {
 public:
  explicit InputError(std::vector<Diagnostic> diagnostics);
  InputError(Place place, std::string message, std::string hint = {});

  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// The machine cannot do it: a file that cannot be read, a process that cannot be started.
class EnvironmentError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A claim of ours that turned out false: a bug in Towtank.
class BrokenClaim : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws BrokenClaim with the place in the source unless `holds`. Always on.
/// (std::source_location would say the same, but clang-tidy 14 does not know it.)
void check(bool holds,
           std::string_view claim,
           const char* file = __builtin_FILE(),
           int line = __builtin_LINE());

}  // namespace towtank
