// How the time of one op is known, as data to print.
#pragma once

#include <string>

#include "reports/profile_explanation.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

/// The estimate, what it rests on, and the measurements around it. `library` empty: the profile's
/// default. Nothing of the op may be missing in the profile (see what_is_missing()).
Explanation explain(const Profile& profile, const Op& op, int sms, const std::string& library);

/// The libraries of which the profile knows kernels of this kind and precision; sorted.
std::vector<std::string> libraries_for(const Profile& profile, const Op& op);

}  // namespace towtank
