#include "sim/engine/flow_clock.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace towtank {

FlowClock::FlowClock(const Ways& ways, std::vector<double> capacities)
    : share_(ways, std::move(capacities)), of_(ways.count()) {}

void FlowClock::read_odometer(OnWay& on, double now) {
  on.odometer += on.rate * (now - on.since);
  on.since = now;
}

void FlowClock::touch(int way) {
  OnWay& on = of_[static_cast<std::size_t>(way)];
  if (!on.touched) {
    on.touched = true;
    touched_.push_back(way);
  }
}

void FlowClock::start(int way, double bytes, std::uint32_t owner, double now) {
  OnWay& on = of_[static_cast<std::size_t>(way)];
  if (on.flows.empty()) {
    on.odometer = 0.0;
    on.rate = 0.0;
  }
  read_odometer(on, now);
  on.flows.push_back({.target = on.odometer + bytes, .owner = owner});
  std::ranges::push_heap(on.flows, std::greater<>());
  share_.join(way);
  touch(way);
}

std::span<const FlowClock::NextEnd> FlowClock::settle(double now) {
  next_ends_.clear();
  for (const FairShare::Change& change : share_.settle()) {
    OnWay& on = of_[static_cast<std::size_t>(change.way)];
    read_odometer(on, now);
    on.rate = change.rate;
    touch(change.way);
  }
  for (const int way : touched_) {
    OnWay& on = of_[static_cast<std::size_t>(way)];
    on.touched = false;
    ++on.version;
    if (!on.flows.empty()) {
      const double left = on.flows.front().target - on.odometer;
      next_ends_.push_back(
          {.time = on.since + std::max(left, 0.0) / on.rate, .way = way, .version = on.version});
    }
  }
  touched_.clear();
  return next_ends_;
}

std::span<const std::uint32_t> FlowClock::end(int way, double now, double instant) {
  OnWay& on = of_[static_cast<std::size_t>(way)];
  read_odometer(on, now);
  ended_.clear();
  const double reached = on.odometer + on.rate * instant;
  while (!on.flows.empty() && (ended_.empty() || on.flows.front().target <= reached)) {
    std::ranges::pop_heap(on.flows, std::greater<>());
    ended_.push_back(on.flows.back().owner);
    on.flows.pop_back();
    share_.leave(way);
  }
  touch(way);
  return ended_;
}

}  // namespace towtank
