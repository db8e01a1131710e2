#include "sim/result/busy_links.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace towtank {
namespace {

/// Flows are whole bytes, and folded loads differ by rounding.
constexpr double kAsBusy = 1e-6;

std::string kind_of(const LinkUse& link) {
  return link.rank >= 0 ? std::string(name(link.medium)) : link.name;
}

bool is_port(const BusyLinks& links) {
  return links.busiest.rank >= 0;
}

/// Causes of communication are the link's name and what it moves.
Seconds due_to(const std::string& link, const std::vector<CriticalShare>& critical) {
  Seconds sum;
  for (const CriticalShare& share : critical) {
    if (share.cause.starts_with(link + " ")) {
      sum += share.time;
    }
  }
  return sum;
}

}  // namespace

std::vector<BusyLinks> busy_links(const Timeline& timeline,
                                  const std::vector<CriticalShare>& critical) {
  const auto utilisation = [&](const LinkUse& link) {
    return link.carried / (link.capacity * timeline.end);
  };
  std::map<std::pair<bool, std::string>, BusyLinks> kinds;  // ports come first
  for (const LinkUse& link : timeline.links) {
    BusyLinks& kind = kinds[{link.rank < 0, kind_of(link)}];
    const double busy = utilisation(link);
    if (kind.links == 0 || busy > kind.utilisation) {
      kind.busiest = link;
      kind.utilisation = busy;
    }
    const auto members = static_cast<double>(link.members);
    kind.mean += busy * members;
    kind.links += link.members;
  }
  for (const LinkUse& link : timeline.links) {
    BusyLinks& kind = kinds.at({link.rank < 0, kind_of(link)});
    if (utilisation(link) >= kind.utilisation * (1.0 - kAsBusy)) {
      kind.as_busy += link.members;
    }
  }
  std::vector<BusyLinks> result;
  result.reserve(kinds.size());
  for (auto& [key, kind] : kinds) {
    kind.name = key.second;
    kind.mean /= static_cast<double>(kind.links);
    kind.limits = due_to(kind.name, critical);
    result.push_back(std::move(kind));
  }
  std::ranges::stable_sort(result, [](const BusyLinks& a, const BusyLinks& b) {
    if (is_port(a) != is_port(b)) {
      return is_port(a);
    }
    if (is_port(a)) {
      return a.busiest.medium < b.busiest.medium;
    }
    // As busy but for rounding: in the order of their names.
    return std::llround(a.utilisation / kAsBusy) > std::llround(b.utilisation / kAsBusy);
  });
  return result;
}

}  // namespace towtank
