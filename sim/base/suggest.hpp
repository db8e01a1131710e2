// "did you mean ...?": the nearest known word to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace towtank {

/// Number of insertions, deletions, substitutions and swaps of neighbours between two words
/// (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

/// The known word nearest to `word`, or empty when none is near enough to be a plausible
/// misspelling (more than a third of its letters differ).
std::string nearest_word(std::string_view word, std::span<const std::string> known);

/// A hint for an unknown word: "did you mean 'pipeline'?", or "one of: a, b, c".
std::string suggest(std::string_view word, std::span<const std::string> known);

}  // namespace towtank
