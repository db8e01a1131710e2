// Tables of measured times held against a profile, as data to print.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reports/profile_check.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/sample.hpp"

namespace towtank {

struct CheckQuestion {
  std::vector<OpKind> kinds;           // that are checked; empty: all
  std::optional<std::string> library;  // whose kernels are estimated, instead of each row's own
  std::size_t worst = 10;              // rows that are listed
};

/// Estimates every row of the tables as its library ran it. Where the profile knows nothing of that
/// library it answers for its default one, which a note says. Rows of which nothing was measured
/// are not covered, and so are rows that the tables' reader could not use.
ProfileCheck check_tables(const Profile& profile,
                          const std::vector<SampleTable>& tables,
                          const CheckQuestion& question);

}  // namespace towtank
