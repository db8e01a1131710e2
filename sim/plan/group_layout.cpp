#include "sim/plan/group_layout.hpp"

#include <algorithm>
#include <cstddef>

#include "sim/base/error.hpp"

namespace towtank {

GroupLayout::GroupLayout(const Mesh& mesh, std::span<const int> group)
    : members_(group.begin(), group.end()) {
  check(!members_.empty() && std::ranges::is_sorted(members_), "a group's members ascend");
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (i == 0 || mesh.node(members_[i]) != mesh.node(members_[i - 1])) {
      starts_.push_back(i);
    }
  }
  starts_.push_back(members_.size());
}

bool GroupLayout::even() const {
  for (std::size_t index = 1; index < nodes(); ++index) {
    if (node(index).size() != node(0).size()) {
      return false;
    }
  }
  return true;
}

std::size_t GroupLayout::node_index(int member) const {
  const auto found = std::ranges::lower_bound(members_, member);
  check(found != members_.end() && *found == member, "a rank asks about its own group");
  const auto place = static_cast<std::size_t>(found - members_.begin());
  return static_cast<std::size_t>(std::ranges::upper_bound(starts_, place) - starts_.begin()) - 1;
}

std::size_t GroupLayout::place(int member) const {
  const std::span<const int> there = node(node_index(member));
  return static_cast<std::size_t>(std::ranges::lower_bound(there, member) - there.begin());
}

bool GroupLayout::lands(int from, int to) const {
  return at_place(node_index(to), place(from)) == to;
}

int GroupLayout::landings(int member) const {
  const std::size_t own = node_index(member);
  const std::size_t at = place(member);
  const std::size_t mine = node(own).size();
  std::size_t count = 0;
  for (std::size_t other = 0; other < nodes(); ++other) {
    const std::size_t there = node(other).size();
    count += other != own && there > at ? (there - at + mine - 1) / mine : 0;
  }
  return static_cast<int>(count);
}

Peers GroupLayout::peers(int member) const {
  const std::size_t own = node_index(member);
  const std::span<const int> mine = node(own);
  const std::size_t at = place(member);
  const std::size_t all = starts_.size() - 1;
  Peers result;
  result.nodes = static_cast<int>(all);
  result.local.reserve(mine.size());
  std::ranges::copy_if(
      mine, std::back_inserter(result.local), [member](int other) { return other != member; });
  result.remote.reserve(all);
  result.landing.reserve(all);
  for (std::size_t other = 0; other < all; ++other) {
    if (other == own) {
      continue;
    }
    result.remote.push_back(at_place(other, at));
    for (std::size_t there = at; there < node(other).size(); there += mine.size()) {
      result.landing.push_back(node(other)[there]);
    }
  }
  return result;
}

}  // namespace towtank
