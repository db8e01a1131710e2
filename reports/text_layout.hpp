// Laying out plain text: aligned columns, blocks beside each other, bold headings on a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace towtank {

/// Whether text may carry terminal colours. Without them everything is as readable.
enum class Colour { kNever, kTerminal };

std::string heading(std::string_view text, Colour colour);
std::string alarm(std::string_view text, Colour colour);

/// Columns on a terminal that the text takes. Counts UTF-8 characters, and colours as nothing.
std::size_t width_of(std::string_view text);

/// A block of text, a line each, without line ends.
using Lines = std::vector<std::string>;

/// Cells of a table row; rows may be shorter than others.
using Cells = std::vector<std::string>;

/// Rows with their cells in columns two spaces apart, indented by two spaces. `alignment` has one
/// letter a column: 'l' left, 'r' right; further columns are left. No line ends in spaces.
Lines aligned(const std::vector<Cells>& rows, std::string_view alignment);

/// The second block to the right of the first, `gap` columns apart.
Lines beside(const Lines& left, const Lines& right, std::size_t gap);

/// The text cut into lines of at most `columns`, at spaces.
Lines wrapped(std::string_view text, std::size_t columns);

/// Lines joined, each with its line end.
std::string joined(const Lines& lines);

}  // namespace towtank
