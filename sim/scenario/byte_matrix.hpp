// Bytes that each of some GPUs sends to each other, from a CSV file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// A row for each sender, a column for each receiver.
struct ByteMatrix {
  int size = 0;
  std::vector<Bytes> bytes;  // row by row
};

/// A line for each sender with the bytes to each receiver, as plain numbers between commas; as many
/// lines as columns, two or more. Nothing but the numbers: no heading. Empty lines at the end do no
/// harm; what a GPU sends itself is read and counts for nothing. Throws InputError with the first
/// line that is wrong. `file` names the text.
ByteMatrix parse_byte_matrix(std::string_view text, const std::string& file);

/// The same from a file. EnvironmentError when it cannot be read.
ByteMatrix read_byte_matrix(const std::string& path);

}  // namespace towtank
