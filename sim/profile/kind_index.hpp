// Which measurements and fits of a profile are of which kind of op: an estimate looks at these
// alone. The others stay out of the caches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/model/op.hpp"

namespace towtank {

/// Positions in a list, by kind, in the list's order.
class KindIndex {
 public:
  KindIndex() = default;

  /// `kind_of` of each of `items` in turn.
  template <typename Item, typename KindOf>
  KindIndex(const std::vector<Item>& items, KindOf kind_of) : count_(items.size()) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto kind = static_cast<std::size_t>(kind_of(items[i]));
      positions_.resize(std::max(positions_.size(), kind + 1));
      positions_[kind].push_back(static_cast<std::uint32_t>(i));
    }
  }

  /// Whether it was made for a list of this size; another list's index means nothing.
  bool is_of(std::size_t count) const { return count == count_; }

  std::span<const std::uint32_t> of(OpKind kind) const {
    const auto index = static_cast<std::size_t>(kind);
    return index < positions_.size() ? std::span<const std::uint32_t>(positions_[index])
                                     : std::span<const std::uint32_t>();
  }

 private:
  std::size_t count_ = 0;
  std::vector<std::vector<std::uint32_t>> positions_;  // (kinds up to the last that occurs)
};

}  // namespace towtank
