#include "sim/result/phases.hpp"

#include <algorithm>
#include <cstddef>
#include <map>

namespace towtank {
namespace {

std::size_t at(std::int32_t index) {
  return static_cast<std::size_t>(index);
}

/// What a stretch of waiting was for.
struct Waiting {
  double pipeline = 0.0;  // another rank's compute, or a transfer between pipeline stages
  double own = 0.0;       // this rank's expert, context, tensor or data-parallel communication
};

/// Streams of which each event is the rank's own communication, that its kernels wait for.
bool is_own_communication(StreamKind stream) {
  return stream == StreamKind::kExpert || stream == StreamKind::kTensor ||
         stream == StreamKind::kParameters;
}

/// Events of a rank's compute stream, and of its own communication, in order of time; its last
/// event on any stream.
struct RankEvents {
  std::vector<std::int32_t> compute;
  std::vector<std::int32_t> own;
  std::int32_t last = -1;
};

/// How long any of `stream`, one stream's events in their order, runs in [from, to).
double busy_time(const Timeline& timeline,
                 const std::vector<std::int32_t>& stream,
                 double from,
                 double to) {
  const auto end_of = [&](std::int32_t event) { return timeline.events[at(event)].end; };
  double busy = 0.0;
  for (auto next = std::ranges::lower_bound(stream, from, {}, end_of);
       next != stream.end() && timeline.events[at(*next)].start < to;
       ++next) {
    busy += std::min(end_of(*next), to) - std::max(timeline.events[at(*next)].start, from);
  }
  return busy;
}

/// Follows causes backwards from `event` through a rank's idle time [from, to) before it. Another
/// rank's dispatch or combine is part of what is waited for there, unless this rank takes part in
/// it or has its own at the same time. Gradient reductions are everybody's, since the optimizer
/// waits for all of them.
Waiting waiting_before(const Timeline& timeline,
                       const RankEvents& of_rank,
                       std::int32_t event,
                       double from,
                       double to) {
  Waiting waiting;
  while (event >= 0 && to > from) {
    const Event& cause = timeline.events[at(event)];
    const double start = std::clamp(cause.start, from, to);
    double own = 0.0;
    if (is_own_communication(cause.stream)) {
      own = std::min(busy_time(timeline, of_rank.own, start, to), to - start);
    } else if (cause.stream == StreamKind::kData) {
      own = to - start;
    }
    waiting.own += own;
    waiting.pipeline += to - start - own;
    to = start;
    event = cause.cause;
  }
  waiting.pipeline += std::max(to - from, 0.0);
  return waiting;
}

std::vector<RankEvents> events_of_ranks(const Timeline& timeline) {
  std::vector<RankEvents> result(timeline.ranks.size());
  for (std::size_t i = 0; i < timeline.events.size(); ++i) {
    const Event& event = timeline.events[i];
    RankEvents& of_rank = result[at(event.rank)];
    const auto index = static_cast<std::int32_t>(i);
    if (event.stream == StreamKind::kCompute) {
      of_rank.compute.push_back(index);
    } else if (is_own_communication(event.stream)) {
      of_rank.own.push_back(index);
    }
    if (of_rank.last < 0 || event.end >= timeline.events[at(of_rank.last)].end) {
      of_rank.last = index;
    }
  }
  for (RankEvents& of_rank : result) {
    std::ranges::sort(
        of_rank.own, {}, [&](std::int32_t index) { return timeline.events[at(index)].end; });
    std::ranges::sort(
        of_rank.compute, {}, [&](std::int32_t index) { return timeline.events[at(index)].start; });
  }
  return result;
}

Seconds& of_phase(PhaseTimes& times, Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return times.forward;
    case Phase::kBackward:
      return times.backward;
    case Phase::kWeight:
      return times.weight;
    case Phase::kOverlapped:
      return times.overlapped;
    case Phase::kOptimizer:
      break;
  }
  return times.optimizer;
}

void add_waiting(PhaseTimes& times, Phase phase, const Waiting& waiting) {
  times.bubble += waiting.pipeline * second;
  of_phase(times, phase) += waiting.own * second;
  times.exposed_communication += waiting.own * second;
}

PhaseTimes phases_of(const Timeline& timeline, const RankEvents& of_rank) {
  PhaseTimes times;
  double now = 0.0;
  for (const std::int32_t index : of_rank.compute) {
    const Event& event = timeline.events[at(index)];
    const Phase phase = timeline.slots[at(event.slot)].phase;
    add_waiting(times, phase, waiting_before(timeline, of_rank, event.cause, now, event.start));
    of_phase(times, phase) += (event.end - std::max(event.start, now)) * second;
    now = std::max(now, event.end);
  }
  if (of_rank.last >= 0) {
    const double end = timeline.events[at(of_rank.last)].end;
    add_waiting(
        times, Phase::kOptimizer, waiting_before(timeline, of_rank, of_rank.last, now, end));
    now = std::max(now, end);
  }
  times.bubble += timeline.end - now * second;
  return times;
}

}  // namespace

std::vector<PhaseTimes> phase_times(const Timeline& timeline) {
  std::vector<PhaseTimes> result;
  for (const RankEvents& of_rank : events_of_ranks(timeline)) {
    result.push_back(phases_of(timeline, of_rank));
  }
  return result;
}

PhaseTimes mean_phases(const Timeline& timeline, const std::vector<PhaseTimes>& of_ranks) {
  PhaseTimes sum;
  double ranks = 0.0;
  for (std::size_t i = 0; i < of_ranks.size(); ++i) {
    const double weight = static_cast<double>(timeline.ranks[i].members);
    const PhaseTimes& own = of_ranks[i];
    ranks += weight;
    sum.forward += weight * own.forward;
    sum.backward += weight * own.backward;
    sum.weight += weight * own.weight;
    sum.overlapped += weight * own.overlapped;
    sum.bubble += weight * own.bubble;
    sum.optimizer += weight * own.optimizer;
    sum.exposed_communication += weight * own.exposed_communication;
  }
  return {.forward = sum.forward / ranks,
          .backward = sum.backward / ranks,
          .weight = sum.weight / ranks,
          .overlapped = sum.overlapped / ranks,
          .bubble = sum.bubble / ranks,
          .optimizer = sum.optimizer / ranks,
          .exposed_communication = sum.exposed_communication / ranks};
}

Seconds median_overlapped_slot(const Timeline& timeline, const std::vector<int>& stages) {
  const auto wanted = [&](const TimelineSlot& slot) {
    return slot.phase == Phase::kOverlapped && std::ranges::count(stages, slot.stage) > 0 &&
           std::ranges::count(stages, slot.overlapped_stage) > 0;
  };
  std::map<std::int32_t, double> duration_of_slot;
  for (const RankEvents& of_rank : events_of_ranks(timeline)) {
    double now = 0.0;
    for (const std::int32_t index : of_rank.compute) {
      const Event& event = timeline.events[at(index)];
      if (wanted(timeline.slots[at(event.slot)])) {
        const Waiting waiting = waiting_before(timeline, of_rank, event.cause, now, event.start);
        duration_of_slot[event.slot] += waiting.own + event.end - std::max(event.start, now);
      }
      now = std::max(now, event.end);
    }
  }
  std::vector<double> durations;
  durations.reserve(duration_of_slot.size());
  for (const auto& [slot, duration] : duration_of_slot) {
    durations.push_back(duration);
  }
  if (durations.empty()) {
    return {};
  }
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::ranges::nth_element(durations, middle);
  return *middle * second;
}

}  // namespace towtank
