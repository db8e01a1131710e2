// Flows under way, and when the next of them ends.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/end_queue.hpp"
#include "sim/engine/fair_share.hpp"

namespace towtank {

/// All flows of one way have the same rate, so that each way has one odometer: bytes that a flow
/// would have moved which had been there from the start. A flow ends when it has advanced by the
/// flow's bytes. A change of rate moves one entry for a way, however many flows it has.
class FlowClock {
 public:
  /// The ways are the caller's; `kinds` of the wires as for FairShare, those of ports first.
  FlowClock(const Ways& ways,
            std::vector<double> capacities,
            std::vector<int> kinds,
            int port_kinds);

  /// A flow of `bytes`, above 0, begins at `now` for `owner`.
  void start(int way, double bytes, std::uint32_t owner, double now);

  /// After all that starts and ends at `now`: the rates are fair again, and the ends known that
  /// follow from them. These take numbers from `number` on.
  void settle(double now, std::uint64_t& number);

  /// The way whose flow ends next, and when, if nothing starts before; null when none is under way.
  const EndQueue::End* next() const { return ends_.empty() ? nullptr : &ends_.top(); }

  /// Takes off the flows of `way` that end at `now`, give or take `instant` seconds; their owners,
  /// in the order of their ends, are good until the next call.
  std::span<const std::uint32_t> end(int way, double now, double instant);

  /// The kind of wire that held down the flows on `way` for most of the time from `since` to `now`,
  /// all of which one of them was under way. The wires of the fabric count together against ports:
  /// which of them is full first may be chance, and fold to another. Of several kinds for equally
  /// long, the one with the least number. To be asked before the next settle().
  int held_most(int way, double since, double now) const;

 private:
  struct Flow {
    double target = 0.0;  // of the odometer, bytes
    std::uint32_t owner = 0;
    friend auto operator<=>(const Flow&, const Flow&) = default;
  };
  /// Since when wires of a kind hold a way down.
  struct Held {
    double since = 0.0;
    int by = -1;
  };
  struct OnWay {
    std::vector<Flow> flows;  // heap: the next to end on top
    double odometer = 0.0;    // bytes
    double since = 0.0;       // when it was last read
    double rate = 0.0;        // bytes per second
    bool touched = false;
    Held held;
    std::vector<Held> earlier;  // since there were flows
  };

  static void read_odometer(OnWay& on, double now);
  static void hold(OnWay& on, int by, double now);
  void touch(int way);

  int port_kinds_ = 0;
  FairShare share_;
  std::vector<OnWay> of_;
  EndQueue ends_;
  std::vector<int> touched_;
  std::vector<std::uint32_t> ended_;
};

}  // namespace towtank
