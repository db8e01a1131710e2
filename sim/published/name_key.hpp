// Names as people write them, brought into one form to be compared.
#pragma once

#include <string>
#include <string_view>

namespace towtank {

/// The text with its letters in lower case.
std::string lower_case_text(std::string_view text);

/// Letters in lower case and digits alone, with the dots between digits: "Llama-3.1 405B" and
/// "llama 3.1-405b" have one key.
std::string name_key(std::string_view text);

/// Whether the text holds the words, whatever their case.
bool mentions(std::string_view text, std::string_view words);

}  // namespace towtank
