// The profile that an import starts from.
#pragma once

#include <string>

#include "sim/profile/profile.hpp"
#include "tools/profile_fitting.hpp"

namespace towtank {

struct ProfileBase {
  std::string path;
  std::string profiles;  // where it finds what it transfers from
  std::string text;      // of the part that people wrote
  Profile hand_written;  // what that part says

  /// With what was learnt into it earlier.
  Profile whole() const;
};

/// By name or path, as everywhere. The learnt part may be broken: an import mends it.
ProfileBase read_profile_base(const std::string& name_or_path, const std::string& profiles);

/// What was learnt into the base earlier and `part` does not know better, for a profile that takes
/// over from it. Nothing that the base itself transfers.
LearntPart kept_part(const ProfileBase& base, const LearntPart& part);

}  // namespace towtank
