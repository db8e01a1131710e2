// Builds timelines by hand: events with their causes, in order of their ends.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/result/timeline.hpp"

namespace towtank {

struct TimelineMaker {
  explicit TimelineMaker(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      timeline.ranks.push_back({.rank = rank, .pipeline = rank, .members = 1});
    }
  }

  /// A stretch of a rank's program.
  std::int32_t slot(int rank, Phase phase, int stage = 0, int overlapped_stage = -1) {
    timeline.slots.push_back({.rank = rank,
                              .phase = phase,
                              .stage = stage,
                              .overlapped_stage = overlapped_stage,
                              .micro_batch = 0});
    return static_cast<std::int32_t>(timeline.slots.size()) - 1;
  }

  std::int32_t label(std::vector<Share> shares) {
    timeline.labels.push_back({.name = "label", .shares = std::move(shares)});
    return static_cast<std::int32_t>(timeline.labels.size()) - 1;
  }

  /// An event of a slot's rank that started when `cause` ended, or at zero, and lasted `duration`.
  std::int32_t event(std::int32_t in_slot,
                     StreamKind stream,
                     double duration,
                     std::int32_t cause,
                     std::int32_t label_index = 0) {
    const double start = cause < 0 ? 0.0 : timeline.events[static_cast<std::size_t>(cause)].end;
    timeline.events.push_back({.label = label_index,
                               .rank = timeline.slots[static_cast<std::size_t>(in_slot)].rank,
                               .slot = in_slot,
                               .stream = stream,
                               .start = start,
                               .end = start + duration,
                               .cause = cause});
    timeline.end = std::max(timeline.end, (start + duration) * second);
    return static_cast<std::int32_t>(timeline.events.size()) - 1;
  }

  Timeline timeline;
};

}  // namespace towtank
