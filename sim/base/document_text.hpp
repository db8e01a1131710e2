// Files that people write, whole.
#pragma once

#include <cstddef>
#include <string>

namespace towtank {

/// No text that Towtank reads as a document is larger: it is some other file.
inline constexpr std::size_t kLargestDocument = std::size_t{16} << 20;  // 16 MiB

/// The file's text, or the beginning of one that is too large, a little longer than allowed. Throws
/// EnvironmentError when it cannot be read.
std::string read_document_text(const std::string& path);

}  // namespace towtank
