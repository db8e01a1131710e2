#include "sim/base/error.hpp"

#include <utility>

namespace towtank {
namespace {

std::string joined(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) {
      text += '\n';
    }
    text += to_string(diagnostic);
  }
  return text;
}

}  // namespace

std::string to_string(const Place& place) {
  std::string text = place.file;
  if (place.line > 0) {
    text += ":" + std::to_string(place.line);
    if (place.column > 0) {
      text += ":" + std::to_string(place.column);
    }
  }
  return text;
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = to_string(diagnostic.place);
  text += text.empty() ? "" : ": ";
  text += diagnostic.message;
  if (!diagnostic.hint.empty()) {
    text += "\n  hint: " + diagnostic.hint;
  }
  return text;
}

InputError::InputError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(joined(diagnostics)), diagnostics_(std::move(diagnostics)) {}

InputError::InputError(Place place, std::string message, std::string hint)
    : InputError(std::vector<Diagnostic>{
          {.place = std::move(place), .message = std::move(message), .hint = std::move(hint)}}) {}

void check(bool holds, std::string_view claim, const char* file, int line) {
  if (!holds) {
    throw BrokenClaim(std::string(file) + ":" + std::to_string(line) +
                      ": claim does not hold: " + std::string(claim));
  }
}

}  // namespace towtank
