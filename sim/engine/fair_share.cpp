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

bool above(double rate, double other) {
  return rate > other * (1.0 + kSame);
}

}  // namespace

FairShare::FairShare(const Ways& ways, std::vector<double> capacities)
    : ways_(ways), ways_of_(ways.count()), place_(ways.hops.size(), 0) {
  wires_.resize(capacities.size());
  for (std::size_t wire = 0; wire < wires_.size(); ++wire) {
    wires_[wire].capacity = capacities[wire];
  }
}

void FairShare::join(int way) {
  if (++ways_of_[static_cast<std::size_t>(way)].flows == 1) {
    occupy(way);
  }
  touch(way);
}

void FairShare::leave(int way) {
  touch(way);
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
  for (const Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
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
    do {
      measure_room();
      fill();
    } while (take_up_whoever_lost_their_bottleneck());
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
  for (const Hop& hop : ways_.of(static_cast<std::size_t>(way))) {
    Wire& wire = wires_[static_cast<std::size_t>(hop.wire)];
    if (wire.examined != round_) {
      wire.examined = round_;
      open_wires_.push_back(hop.wire);
    }
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
    wire.shares = 0.0;
    for (const Occupied& occupied : wire.by) {
      const Way& way = ways_of_[static_cast<std::size_t>(occupied.way)];
      const double shares = static_cast<double>(way.flows) * occupied.times;
      if (way.examined == round_) {
        wire.shares += shares;
      } else {
        wire.room -= shares * way.rate;
      }
    }
    if (wire.shares > 0.0) {
      levels_.push_back({.rate = std::max(wire.room, 0.0) / wire.shares, .wire = number});
    }
  }
  std::ranges::make_heap(levels_, std::greater<>());
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
    for (const Hop& hop : ways_.of(static_cast<std::size_t>(occupied.way))) {
      Wire& crossed = wires_[static_cast<std::size_t>(hop.wire)];
      const double shares = static_cast<double>(way.flows) * hop.times;
      crossed.shares -= shares;
      crossed.room -= shares * rate;
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
    const bool full = wire.room <= wire.capacity * kSame * 16.0;
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

void FairShare::adopt() {
  for (const int number : open_ways_) {
    Way& way = ways_of_[static_cast<std::size_t>(number)];
    check(way.held && way.next > 0.0, "every flow has a bottleneck, and moves");
    if (std::abs(way.next - way.rate) > kSame * way.rate) {
      way.rate = way.next;
      changes_.push_back({.way = number, .rate = way.rate});
    }
  }
}

}  // namespace towtank
