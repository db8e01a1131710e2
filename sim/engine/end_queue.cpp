#include "sim/engine/end_queue.hpp"

#include <algorithm>

namespace towtank {
namespace {

constexpr std::size_t kChildren = 4;

bool before(const EndQueue::End& a, const EndQueue::End& b) {
  return a.time < b.time || (a.time == b.time && a.number < b.number);
}

std::size_t parent(std::size_t place) {
  return (place - 1) / kChildren;
}

}  // namespace

void EndQueue::foretell(const End& end) {
  std::size_t place = place_[static_cast<std::size_t>(end.way)];
  if (place == kNowhere) {
    place = heap_.size();
    heap_.emplace_back();
  }
  move(place, end);
}

void EndQueue::forget(int way) {
  const std::size_t place = place_[static_cast<std::size_t>(way)];
  if (place == kNowhere) {
    return;
  }
  place_[static_cast<std::size_t>(way)] = kNowhere;
  const End last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) {
    move(place, last);
  }
}

void EndQueue::put(std::size_t place, const End& end) {
  heap_[place] = end;
  place_[static_cast<std::size_t>(end.way)] = static_cast<std::uint32_t>(place);
}

void EndQueue::move(std::size_t place, const End& end) {
  if (place > 0 && before(end, heap_[parent(place)])) {
    rise(place, end);
  } else {
    sink(place, end);
  }
}

void EndQueue::rise(std::size_t place, const End& end) {
  while (place > 0 && before(end, heap_[parent(place)])) {
    put(place, heap_[parent(place)]);
    place = parent(place);
  }
  put(place, end);
}

void EndQueue::sink(std::size_t place, const End& end) {
  for (std::size_t first = kChildren * place + 1; first < heap_.size();
       first = kChildren * place + 1) {
    std::size_t next = first;
    const std::size_t after = std::min(first + kChildren, heap_.size());
    for (std::size_t child = first + 1; child < after; ++child) {
      if (before(heap_[child], heap_[next])) {
        next = child;
      }
    }
    if (!before(heap_[next], end)) {
      break;
    }
    put(place, heap_[next]);
    place = next;
  }
  put(place, end);
}

}  // namespace towtank
