// Which profile a device's own name means.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace towtank {

/// The one of the `known` profiles whose name begins with a word of `device`, as a table or a
/// driver writes it: "h100_sxm", "NVIDIA H100 80GB HBM3". Nothing when several do or none does, or
/// when the device is the variant of a card ("PCIe", "NVL") and the profile is not.
std::optional<std::string> profile_of_device(std::string_view device,
                                             std::span<const std::string> known);

}  // namespace towtank
