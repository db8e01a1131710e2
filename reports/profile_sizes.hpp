// How the profile reports write the sizes of ops.
#pragma once

#include <string>

namespace towtank {

/// "4096", "0.125", "1.2": whole numbers in full, others with three digits.
std::string size_text(double size);

}  // namespace towtank
