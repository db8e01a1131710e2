// Max-min fair sharing of wires among flows, kept up to date as flows come and go.
//
// An allocation is max-min fair when no flow can have more without another, that has no more than
// it, having less. It is unique, and it is the one in which every flow has a bottleneck: a full
// wire on which no other flow is faster (Bertsekas and Gallager, Data Networks, 6.5.2). That is a
// property of single flows, so that after a change only the flows on the wires that it touched are
// looked at again, and from there those that lost their bottleneck, until every flow has one.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/graph/op_graph.hpp"

namespace towtank {

/// Different ways over the wires, numbered from 0: flows of one way always have the same rate.
struct Ways {
  struct Hop {
    int wire = 0;
    double times = 1.0;  // shares that a flow takes of it

    friend bool operator==(const Hop&, const Hop&) = default;
  };
  std::vector<std::size_t> first = {0};  // (ways + 1): into hops
  std::vector<Hop> hops;                 // no wire twice in a way

  std::size_t count() const { return first.size() - 1; }
  std::span<const Hop> of(std::size_t way) const {
    return std::span(hops).subspan(first[way], first[way + 1] - first[way]);
  }
};

class FairShare {
 public:
  /// `capacities` of the wires in bytes per second, above 0. Every way has a hop. The ways are the
  /// caller's. `kinds` of the wires, where it matters which kind holds a flow down; of several that
  /// do so equally the one with the least number counts.
  FairShare(const Ways& ways, std::vector<double> capacities, std::vector<int> kinds = {});

  /// A flow begins, or one ends, on `way`. Rates are those of before until settle().
  void join(int way);
  void leave(int way);

  /// A way whose rate is another now, or the kind of wire that holds it down.
  struct Change {
    int way = 0;
    double rate = 0.0;
  };

  /// Makes the rates fair again; the result is good until the next call.
  std::span<const Change> settle();

  /// How many ways the last settle() looked at.
  std::size_t looked_at() const { return open_ways_.size(); }

  /// Bytes per second of one flow on `way`; of no meaning while it has none.
  double rate(int way) const { return ways_of_[static_cast<std::size_t>(way)].rate; }

  /// The kind of wire that holds the flows on `way` down: it is full, and no flow on it is faster.
  /// -1 where kinds do not matter; of no meaning while the way has no flow.
  int held_by(int way) const {
    return held_by_.empty() ? -1 : held_by_[static_cast<std::size_t>(way)];
  }

 private:
  struct Occupied {
    int way = 0;
    double times = 0.0;
    std::size_t place = 0;  // of the wire among the way's hops
  };
  struct Way {
    int flows = 0;
    int bottleneck = -1;  // the wire that holds it down
    double rate = 0.0;
    double next = 0.0;  // the rate that is being found
    int examined = 0;   // round in which it was last taken up
    bool held = false;  // its next rate has been found
  };
  struct Wire {
    double capacity = 0.0;
    std::vector<Occupied> by;  // ways with flows
    double all_shares = 0.0;   // that these take
    std::size_t open = 0;      // of them, those taken up in this round
    double room = 0.0;         // for the ways that are taken up and not held yet
    double shares = 0.0;       // that these take
    double fastest = 0.0;      // rate of the others and of those held
    int examined = 0;
    bool changed = false;

    bool is_full() const;
  };

  void occupy(int way);
  void vacate(int way);
  void touch(int way);
  void take_up(int way);
  void measure_room();
  void leave_room_for_others(Wire& wire);
  void fill();
  void hold(int wire, double rate);
  bool take_up_whoever_lost_their_bottleneck();
  bool take_up_neighbours();
  bool find_bottleneck(int way);
  void adopt();

  const Ways& ways_;
  std::vector<Way> ways_of_;
  std::vector<std::size_t> place_;  // (hops of all ways): where the way stands in its wire's `by`
  std::vector<Wire> wires_;
  std::vector<int> kinds_;    // (wires), or empty
  std::vector<int> held_by_;  // (ways): kind of the bottleneck; empty where kinds do not matter
  std::vector<int> changed_wires_;
  int round_ = 0;
  std::vector<int> open_ways_;   // taken up in this round
  std::vector<int> open_wires_;  // those of these ways
  struct Level {
    double rate = 0.0;
    int wire = 0;
    friend auto operator<=>(const Level&, const Level&) = default;
  };
  std::vector<Level> levels_;  // heap of the open wires: the one that is full first on top
  std::vector<Change> changes_;
};

}  // namespace towtank
