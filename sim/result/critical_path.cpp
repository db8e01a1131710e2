#include "sim/result/critical_path.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

namespace towtank {
namespace {

struct Sum {
  Seconds time;
  Seconds error;
};

std::int32_t last_event(const Timeline& timeline) {
  std::int32_t last = -1;
  for (std::size_t i = 0; i < timeline.events.size(); ++i) {
    if (last < 0 || timeline.events[i].end > timeline.events[static_cast<std::size_t>(last)].end) {
      last = static_cast<std::int32_t>(i);
    }
  }
  return last;
}

}  // namespace

std::vector<CriticalShare> critical_path(const Timeline& timeline) {
  std::map<std::string, Sum> sums;
  for (std::int32_t index = last_event(timeline); index >= 0;) {
    const Event& event = timeline.events[static_cast<std::size_t>(index)];
    const Seconds duration = (event.end - event.start) * second;
    for (const Share& share : timeline.labels[static_cast<std::size_t>(event.label)].shares) {
      Sum& sum = sums[share.cause];
      sum.time += share.fraction * duration;
      sum.error += share.error * share.fraction * duration;
    }
    index = event.cause;
  }
  std::vector<CriticalShare> result;
  for (const auto& [cause, sum] : sums) {
    if (sum.time > Seconds{}) {
      result.push_back({.cause = cause, .time = sum.time, .error = sum.error / sum.time});
    }
  }
  std::ranges::stable_sort(result, std::ranges::greater{}, &CriticalShare::time);
  return result;
}

Seconds error_of(const std::vector<CriticalShare>& shares) {
  double variance = 0.0;
  for (const CriticalShare& share : shares) {
    const double error = share.error * share.time.si();
    variance += error * error;
  }
  return std::sqrt(variance) * second;
}

}  // namespace towtank
