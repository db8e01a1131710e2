// Flows under way, and when the next of them ends.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/engine/fair_share.hpp"

namespace towtank {

/// All flows of one way have the same rate, so that each way has one odometer: bytes that a flow
/// would have moved which had been there from the start. A flow ends when it has advanced by the
/// flow's bytes. A change of rate costs one entry for a way, however many flows it has.
class FlowClock {
 public:
  /// The ways are the caller's.
  FlowClock(const Ways& ways, std::vector<double> capacities);

  /// A flow of `bytes`, above 0, begins at `now` for `owner`.
  void start(int way, double bytes, std::uint32_t owner, double now);

  /// A way and the time at which its next flow ends, as far as is known now.
  struct NextEnd {
    double time = 0.0;
    int way = 0;
    std::uint32_t version = 0;
  };

  /// After all that starts and ends at `now`: the rates are fair again. Returns the ways whose next
  /// end has changed; good until the next call.
  std::span<const NextEnd> settle(double now);

  /// Whether nothing has changed since `end` was foretold.
  bool holds(const NextEnd& end) const {
    return of_[static_cast<std::size_t>(end.way)].version == end.version;
  }

  /// Takes off the flows of `way` that end at `now`, give or take `instant` seconds; their owners,
  /// in the order of their ends, are good until the next call.
  std::span<const std::uint32_t> end(int way, double now, double instant);

 private:
  struct Flow {
    double target = 0.0;  // of the odometer, bytes
    std::uint32_t owner = 0;
    friend auto operator<=>(const Flow&, const Flow&) = default;
  };
  struct OnWay {
    std::vector<Flow> flows;  // heap: the next to end on top
    double odometer = 0.0;    // bytes
    double since = 0.0;       // when it was last read
    double rate = 0.0;        // bytes per second
    std::uint32_t version = 0;
    bool touched = false;
  };

  void read_odometer(OnWay& on, double now);
  void touch(int way);

  FairShare share_;
  std::vector<OnWay> of_;
  std::vector<int> touched_;
  std::vector<NextEnd> next_ends_;
  std::vector<std::uint32_t> ended_;
};

}  // namespace towtank
