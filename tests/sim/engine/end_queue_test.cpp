// Ends that are foretold, moved and forgotten, against sorting all that are left.
#include "sim/engine/end_queue.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace towtank {
namespace {

using Ends = std::vector<std::optional<EndQueue::End>>;  // (ways)

const EndQueue::End* next_of(const Ends& ends) {
  const EndQueue::End* next = nullptr;
  for (const std::optional<EndQueue::End>& end : ends) {
    if (end && (next == nullptr ||
                std::tie(end->time, end->number) < std::tie(next->time, next->number))) {
      next = &*end;
    }
  }
  return next;
}

TEST(EndQueue, HasTheNextEndOnTopWhateverIsForetoldMovedOrForgotten) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const int ways = 1 + static_cast<int>(random() % 60);
    EndQueue queue(static_cast<std::size_t>(ways));
    Ends ends(static_cast<std::size_t>(ways));
    for (std::uint64_t change = 0; change < 500; ++change) {
      const auto way = static_cast<std::size_t>(random() % static_cast<unsigned>(ways));
      if (random() % 3 == 0) {
        queue.forget(static_cast<int>(way));
        ends[way].reset();
      } else {
        // Few different times, so that many ends are at the same.
        const double time = static_cast<double>(random() % 10);
        ends[way] = {.time = time, .number = change, .way = static_cast<int>(way)};
        queue.foretell(*ends[way]);
      }
      const EndQueue::End* const next = next_of(ends);
      ASSERT_EQ(queue.empty(), next == nullptr) << "seed " << seed << ", change " << change;
      if (next != nullptr) {
        ASSERT_EQ(queue.top().number, next->number) << "seed " << seed << ", change " << change;
        ASSERT_EQ(queue.top().way, next->way);
      }
    }
  }
}

}  // namespace
}  // namespace towtank
