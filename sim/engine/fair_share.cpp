#include "sim/engine/fair_share.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Rates nearer to each other than this, relatively, are the same: they differ by rounding.
constexpr double kSame = 1e-12;

/// A change that has not come to rest after so many rounds reaches nearly everything: instead of
/// seeking who loses their bottleneck, all ways on the wires reached are taken up at once.
constexpr int kNarrowRounds = 2;

bool above(double rate, double other) {
  return rate > other * (1.0 + kSame);
}

}  // namespace

/// But for rounding: rates of thousands of flows are added up.
bool FairShare::Wire::is_full() const {
  return room <= capacity * kSame * 16.0;
}

FairShare::FairShare(const Ways& ways, std::vector<double> capacities, std::vector<int> kinds)
    : ways_(ways),
      ways_of_(ways.count()),
      place_(ways.hops.size(), 0),
      kinds_(std::move(kinds)),
      held_by_(kinds_.empty() ? 0 : ways.count(), -1) {
  check(kinds_.empty() || kinds_.size() == capacities.size(), "every wire is of a kind");
  wires_.resize(capacities.size());
  for (std::size_t wire = 0; wire < wires_.size(); ++wire) {
    wires_[wire].capacity = capacities[wire];
  }
}

void FairShare::join(int way) {
  if (++ways_of_[static_cast<std::size_t>(way)].flows == 1) {
    occupy(way);
  }
  for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    wires_[static_cast<std::size_t>(hop.wire)].all_shares += hop.times;
  }
  touch(way);
}

void FairShare::leave(int way) {
  touch(way);
  for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    wires_[static_cast<std::size_t>(hop.wire)].all_shares -= hop.times;
  }
  if (--ways_of_[static_cast<std::size_t>(way)].flows == 0) {
    vacate(way);
  }
}

void FairShare::occupy(int way) {
  const auto index = static_cast<std::size_t>(way);
  for (std::size_t place = ways_.first[index]; place < ways_.first[index + 1]; ++place) {
    Wire& wire = wires_[static_cast<std::size_t>(ways_.hops[place].wire)];
    place_[place] = wire.by.size();
    wire.by.push_back({.way = way, .times = ways_.hops[place].times, .place = place});
  }
  ways_of_[index].rate = 0.0;
  ways_of_[index].bottleneck = -1;
  if (!held_by_.empty()) {
    held_by_[index] = -1;
  }
}

void FairShare::vacate(int way) {
  const auto index = static_cast<std::size_t>(way);
  for (std::size_t place = ways_.first[index]; place < ways_.first[index + 1]; ++place) {
    std::vector<Occupied>& by = wires_[static_cast<std::size_t>(ways_.hops[place].wire)].by;
    by[place_[place]] = by.back();
    place_[by.back().place] = place_[place];
    by.pop_back();
  }
}

void FairShare::touch(int way) {
  for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    Wire& wire = wires_[static_cast<std::size_t>(hop.wire)];
    if (!wire.changed) {
      wire.changed = true;
      changed_wires_.push_back(hop.wire);
    }
  }
}

std::span<const FairShare::Change> FairShare::settle() {
  changes_.clear();
  ++round_;
  open_ways_.clear();
  open_wires_.clear();
  for (const int wire : changed_wires_) {
    wires_[static_cast<std::size_t>(wire)].changed = false;
    for (const Occupied& occupied : wires_[static_cast<std::size_t>(wire)].by) {
      take_up(occupied.way);
    }
  }
  changed_wires_.clear();
  if (!open_ways_.empty()) {
    int found = 0;
    measure_room();
    fill();
    while (found < kNarrowRounds ? take_up_whoever_lost_their_bottleneck() : take_up_neighbours()) {
      ++found;
      measure_room();
      fill();
    }
    adopt();
  }
  return changes_;
}

void FairShare::take_up(int way) {
  Way& its = ways_of_[static_cast<std::size_t>(way)];
  if (its.examined == round_) {
    return;
  }
  its.examined = round_;
  its.held = false;
  open_ways_.push_back(way);
  for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    Wire& wire = wires_[static_cast<std::size_t>(hop.wire)];
    if (wire.examined != round_) {
      wire.examined = round_;
      wire.open = 0;
      open_wires_.push_back(hop.wire);
    }
    ++wire.open;
  }
}

/// What the ways that are not taken up leave of each open wire.
void FairShare::measure_room() {
  for (const int way : open_ways_) {
    ways_of_[static_cast<std::size_t>(way)].held = false;
  }
  levels_.clear();
  for (const int number : open_wires_) {
    Wire& wire = wires_[static_cast<std::size_t>(number)];
    wire.room = wire.capacity;
    wire.shares = wire.all_shares;
    wire.fastest = 0.0;
    if (wire.open < wire.by.size()) {
      leave_room_for_others(wire);
    }
    if (wire.shares > 0.0) {
      levels_.push_back({.rate = std::max(wire.room, 0.0) / wire.shares, .wire = number});
    }
  }
  std::ranges::make_heap(levels_, std::greater<>());
}

/// What the ways on `wire` that are not taken up have is theirs.
void FairShare::leave_room_for_others(Wire& wire) {
  for (const Occupied& occupied : wire.by) {
    const Way& way = ways_of_[static_cast<std::size_t>(occupied.way)];
    if (way.examined != round_) {
      const double shares = static_cast<double>(way.flows) * occupied.times;
      wire.shares -= shares;
      wire.room -= shares * way.rate;
      wire.fastest = std::max(wire.fastest, way.rate);
    }
  }
}

/// Progressive filling: the rates of all open ways rise together; when a wire is full, those of the
/// ways through it are held, and the others rise on. A wire's level only rises as others are held,
/// so that one that is out of date goes back into the heap.
void FairShare::fill() {
  while (!levels_.empty()) {
    std::ranges::pop_heap(levels_, std::greater<>());
    Level level = levels_.back();
    levels_.pop_back();
    const Wire& wire = wires_[static_cast<std::size_t>(level.wire)];
    if (wire.shares < 0.5) {  // shares are whole
      continue;
    }
    const double rate = std::max(wire.room, 0.0) / wire.shares;
    if (above(rate, level.rate)) {
      levels_.push_back({.rate = rate, .wire = level.wire});
      std::ranges::push_heap(levels_, std::greater<>());
      continue;
    }
    hold(level.wire, rate);
  }
}

void FairShare::hold(int wire, double rate) {
  for (const Occupied& occupied : wires_[static_cast<std::size_t>(wire)].by) {
    Way& way = ways_of_[static_cast<std::size_t>(occupied.way)];
    if (way.examined != round_ || way.held) {
      continue;
    }
    way.held = true;
    way.next = rate;
    way.bottleneck = wire;
    for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(occupied.way))) {
      Wire& crossed = wires_[static_cast<std::size_t>(hop.wire)];
      const double shares = static_cast<double>(way.flows) * hop.times;
      crossed.shares -= shares;
      crossed.room -= shares * rate;
      crossed.fastest = std::max(crossed.fastest, rate);
    }
  }
}

/// Whether any way was taken up that the rates found do not leave as it was: its bottleneck is not
/// full any more, or not fastest on it; or it is faster than those that the wire now holds down.
bool FairShare::take_up_whoever_lost_their_bottleneck() {
  const std::size_t before = open_ways_.size();
  const std::size_t wires = open_wires_.size();
  for (std::size_t i = 0; i < wires; ++i) {
    const int number = open_wires_[i];
    const Wire& wire = wires_[static_cast<std::size_t>(number)];
    if (wire.open == wire.by.size()) {
      continue;
    }
    double fastest = 0.0;  // of the ways taken up
    double held_at = 0.0;  // of those that this wire holds down
    bool holds = false;
    for (const Occupied& occupied : wire.by) {
      const Way& way = ways_of_[static_cast<std::size_t>(occupied.way)];
      if (way.examined == round_ && way.held) {
        fastest = std::max(fastest, way.next);
        if (way.bottleneck == number) {
          holds = true;
          held_at = way.next;
        }
      }
    }
    const bool full = wire.is_full();
    for (const Occupied& occupied : wire.by) {
      const Way& way = ways_of_[static_cast<std::size_t>(occupied.way)];
      const bool was_held_here = way.bottleneck == number && (!full || above(fastest, way.rate));
      if (way.examined != round_ && (was_held_here || (holds && above(way.rate, held_at)))) {
        take_up(occupied.way);
      }
    }
  }
  return open_ways_.size() > before;
}

/// Whether any way was taken up of those on the open wires.
bool FairShare::take_up_neighbours() {
  const std::size_t before = open_ways_.size();
  std::size_t looked_at = 0;
  while (looked_at < open_wires_.size()) {  // taking one up opens others
    const Wire& wire = wires_[static_cast<std::size_t>(open_wires_[looked_at++])];
    for (std::size_t n = 0; n < wire.by.size() && wire.open < wire.by.size(); ++n) {
      take_up(wire.by[n].way);
    }
  }
  return open_ways_.size() > before;
}

/// Names the kind of wire that holds the way down, whichever of several was seen to be full first;
/// returns whether it is another than before.
bool FairShare::find_bottleneck(int way) {
  Way& its = ways_of_[static_cast<std::size_t>(way)];
  int kind = kinds_[static_cast<std::size_t>(its.bottleneck)];
  for (const Ways::Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    const auto number = static_cast<std::size_t>(hop.wire);
    if (kinds_[number] < kind && wires_[number].is_full() &&
        !above(wires_[number].fastest, its.next * (1.0 + kSame))) {
      kind = kinds_[number];
      its.bottleneck = hop.wire;
    }
  }
  return std::exchange(held_by_[static_cast<std::size_t>(way)], kind) != kind;
}

void FairShare::adopt() {
  for (const int number : open_ways_) {
    Way& way = ways_of_[static_cast<std::size_t>(number)];
    check(way.held && way.next > 0.0, "every flow has a bottleneck, and moves");
    const bool renamed = !kinds_.empty() && find_bottleneck(number);
    if (renamed || std::abs(way.next - way.rate) > kSame * way.rate) {
      way.rate = way.next;
      changes_.push_back({.way = number, .rate = way.rate});
    }
  }
}

}  // namespace towtank
