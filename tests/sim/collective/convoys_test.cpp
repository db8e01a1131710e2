#include "sim/collective/convoys.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/collective/algorithms.hpp"

namespace towtank {
namespace {

Delivery over_nvlink(int from, int to, double bytes, int convoy) {
  return {
      .from = from, .to = to, .medium = Medium::kNvlink, .bytes = Bytes(bytes), .convoy = convoy};
}

TEST(Convoys, CutIntoTheGreatestEqualParts) {
  MovementPhase phase;
  phase.deliveries = {
      over_nvlink(0, 1, 12.0, 0), over_nvlink(1, 2, 8.0, 0), over_nvlink(2, 0, 20.0, 0)};
  const std::vector<Convoy> found = convoys(phase);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].part.si(), 4.0, 1e-12);
  EXPECT_EQ(found[0].legs[0].parts, 3);
  EXPECT_EQ(found[0].legs[1].parts, 2);
  EXPECT_EQ(found[0].legs[2].parts, 5);
}

TEST(Convoys, LeaveOutWhatMovesByItself) {
  MovementPhase phase;
  phase.deliveries = {over_nvlink(0, 1, 12.0, 3), over_nvlink(1, 2, 8.0, kByItself)};
  const std::vector<Convoy> found = convoys(phase);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].legs.size(), 1U);
}

TEST(Convoys, RefuseAmountsWithoutACommonPart) {
  MovementPhase phase;
  phase.deliveries = {over_nvlink(0, 1, 1.0, 0), over_nvlink(1, 0, 1.414213562373095e9, 0)};
  EXPECT_THROW(convoys(phase), BrokenClaim);
}

// Whatever the algorithm and however ragged its nodes: parts add up to the bytes of the deliveries.
TEST(Convoys, OfAllAlgorithmsCarryTheirBytes) {
  int checked = 0;
  for (int ranks = 2; ranks < 40; ++ranks) {
    std::vector<Member> members = even_members(5, 8);
    members.resize(static_cast<std::size_t>(ranks));
    for (const Collective kind : kCollectives) {
      for (const Algorithm algorithm : kAlgorithms) {
        const CollectiveCall call{.kind = kind, .bytes = 77 * MB, .members = members};
        if (!why_not(algorithm, call).empty()) {
          continue;
        }
        for (const MovementPhase& phase : movement(algorithm, call).phases) {
          Bytes delivered;
          for (const Delivery& delivery : phase.deliveries) {
            delivered += delivery.convoy == kByItself ? Bytes() : delivery.bytes;
          }
          Bytes carried;
          for (const Convoy& convoy : convoys(phase)) {
            for (const Convoy::Leg& leg : convoy.legs) {
              carried += convoy.part * static_cast<double>(leg.parts);
            }
          }
          EXPECT_NEAR(carried.si(), delivered.si(), 1e-9 * delivered.si());
          ++checked;
        }
      }
    }
  }
  EXPECT_GT(checked, 500);
}

}  // namespace
}  // namespace towtank
