// What happened when: the result of executing an op graph, simulated or for real.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"

namespace towtank {

/// One executed operation. Plain data, so that a worker process can hand it over as bytes.
struct Event {
  std::int32_t label = 0;  // into Timeline::labels
  std::int32_t rank = 0;   // into Timeline::ranks
  std::int32_t slot = 0;   // into Timeline::slots
  StreamKind stream = StreamKind::kCompute;
  double start = 0.0;  // seconds since the step began
  double end = 0.0;
  /// Event whose end let this one start (the later of its stream's previous event and its last
  /// dependency); -1 at the beginning of the step.
  std::int32_t cause = -1;
};

/// A share of an operation's time that is due to one cause: a family of kernels, or a kind of link.
struct Share {
  std::string cause;    // "gemm", "attention", "memory-bound", "nic dispatch", ...
  double fraction = 0;  // of the operation's time
  double error = 0;     // relative, at 90%
};

/// What an event was, shared by all events of a kind.
struct EventLabel {
  std::string name;
  std::vector<Share> shares;  // fractions sum to 1
};

/// A stretch of one rank's program.
struct TimelineSlot {
  int rank = 0;
  Phase phase = Phase::kForward;
  int stage = -1;
  int overlapped_stage = -1;
  int micro_batch = -1;
};

struct TimelineRank {
  int rank = 0;              // global rank
  int pipeline = 0;          // pipeline coordinate
  std::int64_t members = 1;  // ranks of the cluster that behave exactly like this one
};

/// Bytes through one direction of a port, or of cables that are equally full, protocol overhead
/// included, and its raw bandwidth.
struct LinkUse {
  std::string name;  // "nic out", "leaf to spine", ...
  int rank = -1;     // into Timeline::ranks, whose port it is; -1: of the fabric
  Medium medium = Medium::kNic;
  Bytes carried;
  Bandwidth capacity;
  std::int64_t members = 1;  // links of the cluster that carry exactly this
  int cables = 1;            // that one of them is made of
};

struct Timeline {
  std::vector<TimelineRank> ranks;
  std::vector<EventLabel> labels;
  std::vector<TimelineSlot> slots;
  std::vector<Event> events;  // in the order in which they ended
  std::vector<LinkUse> links;
  Seconds end;                  // of the step
  std::int64_t activities = 0;  // simulated activities: kernels runs and flows
  double wall_seconds = 0.0;    // real time spent; never part of a result that must be reproducible
};

}  // namespace towtank
