#include "sim/engine/flow_clock.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

namespace towtank {
namespace {

/// Of the whole time: what ends within an instant ends together.
constexpr double kSame = 1e-6;

/// Of kinds of wires and their times the one with the longest; the first of several that are as
/// long but for `same`.
auto longest(auto first, auto last, double same) {
  auto most = first;
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second > most->second + same) {
      most = entry;
    }
  }
  return most;
}

}  // namespace

FlowClock::FlowClock(const Ways& ways,
                     std::vector<double> capacities,
                     std::vector<int> kinds,
                     int port_kinds)
    : port_kinds_(port_kinds),
      share_(ways, std::move(capacities), std::move(kinds)),
      of_(ways.count()),
      ends_(ways.count()) {}

void FlowClock::read_odometer(OnWay& on, double now) {
  on.odometer += on.rate * (now - on.since);
  on.since = now;
}

void FlowClock::hold(OnWay& on, int by, double now) {
  if (on.held.by == by) {
    return;
  }
  if (on.held.by >= 0) {
    on.earlier.push_back(on.held);
  }
  on.held = {.since = now, .by = by};
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
    on.held = {};
    on.earlier.clear();
  }
  read_odometer(on, now);
  on.flows.push_back({.target = on.odometer + bytes, .owner = owner});
  std::ranges::push_heap(on.flows, std::greater<>());
  share_.join(way);
  touch(way);
}

void FlowClock::settle(double now, std::uint64_t& number) {
  for (const FairShare::Change& change : share_.settle()) {
    OnWay& on = of_[static_cast<std::size_t>(change.way)];
    read_odometer(on, now);
    on.rate = change.rate;
    hold(on, share_.held_by(change.way), now);
    touch(change.way);
  }
  for (const int way : touched_) {
    OnWay& on = of_[static_cast<std::size_t>(way)];
    on.touched = false;
    if (on.flows.empty()) {
      ends_.forget(way);
    } else {
      const double left = on.flows.front().target - on.odometer;
      ends_.foretell(
          {.time = on.since + std::max(left, 0.0) / on.rate, .number = number++, .way = way});
    }
  }
  touched_.clear();
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
  ends_.forget(way);
  touch(way);
  return ended_;
}

int FlowClock::held_most(int way, double since, double now) const {
  const OnWay& on = of_[static_cast<std::size_t>(way)];
  if (on.earlier.empty() || on.held.since <= since) {
    return on.held.by;
  }
  std::map<int, double> times;
  double until = now;
  times[on.held.by] = until - on.held.since;
  until = on.held.since;
  for (std::size_t i = on.earlier.size(); i > 0 && until > since; --i) {
    const Held& held = on.earlier[i - 1];
    times[held.by] += until - std::max(held.since, since);
    until = held.since;
  }
  const double same = kSame * (now - since);
  const auto fabric = times.lower_bound(port_kinds_);
  const auto port = longest(times.begin(), fabric, same);
  const double in_fabric = std::accumulate(
      fabric, times.end(), 0.0, [](double sum, const auto& entry) { return sum + entry.second; });
  return port != fabric && port->second >= in_fabric - same
             ? port->first
             : longest(fabric, times.end(), same)->first;
}

}  // namespace towtank
