// Profile files as text: the part that people write, and the part that `towtank profile import`
// does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/profile.hpp"

namespace towtank {

/// Below this line a profile belongs to `towtank profile import`.
inline constexpr std::string_view kGeneratedMarker =
    "# ---- fits: written by towtank profile import; do not edit below ----";

/// The lines above the marker; everything when there is none. Ends in a line that is not empty.
std::string hand_written_part(std::string_view text);

/// The same profile under another name: its line `name = ...` replaced.
std::string renamed(std::string_view hand_written, std::string_view name);

/// Text as a TOML string, in quotation marks.
std::string toml_string(std::string_view text);

/// The tables of TOML that the reader reads back to these.
std::string source_text(const Source& source);
std::string point_text(const MeasuredPoint& point);

/// Makes `text` the profile at `path`, at once or not at all: it is written beside the file, read
/// back (`profiles` holds what it may transfer from), and put in place when it is sound. InputError
/// with the places of `path` when it is not, EnvironmentError when it cannot be written.
Profile write_profile(const std::string& path,
                      const std::string& text,
                      const std::string& profiles);

/// What write_profile() would read back, without putting anything in place.
Profile profile_of_text(const std::string& path,
                        const std::string& text,
                        const std::string& profiles);

}  // namespace towtank
