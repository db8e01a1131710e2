// GPUs by the names that collections of tables give them.
#pragma once

#include <string>
#include <string_view>

namespace towtank {

/// The device that a file's name contains as a word ("h100_sxm", "h800"), in small letters; empty
/// where there is none, or where the word leaves open which GPU it is ("h100" may be a PCIe card).
std::string device_in_name(std::string_view stem);

}  // namespace towtank
