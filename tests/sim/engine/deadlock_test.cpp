// Graphs that cannot finish are refused, with the reason.
#include "sim/engine/deadlock.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "tests/sim/engine/graph_maker.hpp"

namespace towtank {
namespace {

/// What simulating the graph complains of; empty when it does not.
std::string complaint(const GraphMaker& maker) {
  try {
    maker.run();
  } catch (const BrokenClaim& broken) {
    return broken.what();
  }
  return "";
}

TEST(Deadlock, NamesOperationsThatWaitForEachOtherAcrossStreams) {
  GraphMaker maker(2);
  maker.compute(0, 1 * millisecond, "innocent");
  const Vertex early = maker.compute(0, 1 * millisecond, "early");
  const Vertex late = maker.compute(0, 1 * millisecond, "late");
  const Vertex reply = maker.transfer(1, StreamKind::kPrevious, {nic(1, 0, 1 * MB)});
  maker.graph.traffics.back().name = "reply";
  maker.graph.ranks[1].rank = 64;
  maker.depend(late, reply);
  maker.depend(reply, early);
  const std::string text = complaint(maker);
  EXPECT_NE(text.find("early (rank 0, stream compute) waits for "
                      "reply (rank 64, stream pipeline-previous)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("reply (rank 64, stream pipeline-previous) waits for "
                      "late (rank 0, stream compute)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("late (rank 0, stream compute) waits for early (rank 0, stream compute)"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("innocent"), std::string::npos) << text;
}

TEST(Deadlock, OperationsBehindTheCircleAreNotBlamed) {
  GraphMaker maker(2);
  const Vertex one = maker.compute(0, 1 * millisecond, "one");
  const Vertex two = maker.compute(1, 1 * millisecond, "two");
  maker.depend(one, two);
  maker.depend(two, one);
  maker.compute(0, 1 * millisecond, "victim");
  const std::string text = complaint(maker);
  EXPECT_NE(text.find("one (rank 0"), std::string::npos) << text;
  EXPECT_EQ(text.find("victim"), std::string::npos) << text;
}

TEST(Deadlock, TwoCollectivesInOppositeOrderAreACircle) {
  GraphMaker maker(2);
  maker.transfer(0, StreamKind::kData, {nic(0, 1, 1 * MB)}, 1);
  maker.transfer(0, StreamKind::kData, {nic(0, 1, 1 * MB)}, 2);
  maker.transfer(1, StreamKind::kData, {nic(1, 0, 1 * MB)}, 2);
  maker.transfer(1, StreamKind::kData, {nic(1, 0, 1 * MB)}, 1);
  const std::string text = complaint(maker);
  EXPECT_NE(text.find("which starts together with"), std::string::npos) << text;
}

TEST(Deadlock, MemberThatWaitsForAnotherOfItsRendezvousIsACircle) {
  GraphMaker maker(2);
  const Vertex one = maker.transfer(0, StreamKind::kData, {nic(0, 1, 1 * MB)}, 0);
  const Vertex two = maker.transfer(1, StreamKind::kData, {nic(1, 0, 1 * MB)}, 0);
  maker.depend(one, two);
  EXPECT_NE(complaint(maker).find("wait in a circle"), std::string::npos);
}

TEST(Deadlock, LongCircleIsShownInPart) {
  GraphMaker maker(40);
  std::vector<Vertex> ring(40);
  for (int rank = 0; rank < 40; ++rank) {
    ring[static_cast<std::size_t>(rank)] = maker.compute(rank, 1 * millisecond);
  }
  for (std::size_t i = 0; i < ring.size(); ++i) {
    maker.depend(ring[i], ring[(i + 1) % ring.size()]);
  }
  EXPECT_NE(complaint(maker).find("and 28 more"), std::string::npos);
}

TEST(Deadlock, OperationOutsideAllStreamsIsRefused) {
  GraphMaker maker(1);
  maker.compute(0, 1 * millisecond);
  maker.graph.streams[0][0].clear();
  EXPECT_NE(complaint(maker).find("every operation stands in a stream"), std::string::npos);
}

TEST(Deadlock, OperationTwiceInAStreamIsRefused) {
  GraphMaker maker(1);
  const Vertex vertex = maker.compute(0, 1 * millisecond);
  maker.graph.streams[0][0].push_back(vertex);
  EXPECT_NE(complaint(maker).find("stands once"), std::string::npos);
}

TEST(Deadlock, GraphThatFinishesIsAccepted) {
  GraphMaker maker(2);
  const Vertex one = maker.compute(0, 1 * millisecond);
  const Vertex two = maker.compute(1, 1 * millisecond);
  maker.depend(one, two);
  EXPECT_NO_THROW(check_graph_finishes(maker.graph));
}

}  // namespace
}  // namespace towtank
