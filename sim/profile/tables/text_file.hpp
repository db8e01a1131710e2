// The text of a file, unpacked where it is compressed.
#pragma once

#include <string>

namespace towtank {

/// All of the file; gzip is recognised by its first bytes, whatever the name says. EnvironmentError
/// when it cannot be read, InputError when the compression is broken.
std::string read_text_file(const std::string& path);

}  // namespace towtank
