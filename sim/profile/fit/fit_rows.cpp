#include "sim/profile/fit/fit_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "sim/profile/fit/directions.hpp"

namespace towtank {
namespace {

bool has_axis(const FitRows& rows, Axis axis) {
  return std::ranges::find(rows.axes, axis) != rows.axes.end();
}

/// Rows of one key as samples, before they are merged.
struct Group {
  KernelKey key;
  std::vector<const Sample*> samples;
};

std::vector<Group> groups_of(const std::vector<Sample>& samples) {
  std::vector<Group> groups;
  for (const Sample& sample : samples) {
    const KernelKey key = key_of(sample.op, sample.library);
    // Rows of a key follow one another in most tables: look at the latest first.
    auto found = std::find_if(
        groups.rbegin(), groups.rend(), [&key](const Group& group) { return group.key == key; });
    if (found == groups.rend()) {
      groups.push_back({.key = key, .samples = {}});
      found = groups.rbegin();
    }
    found->samples.push_back(&sample);
  }
  return groups;
}

double median(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  const std::size_t middle = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[middle] : 0.5 * (numbers[middle - 1] + numbers[middle]);
}

FitRows rows_of(const Group& group, const Gpu& gpu) {
  FitRows rows;
  rows.key = group.key;
  for (const std::vector<Axis>& direction : directions_of(group.key.kind)) {
    rows.axes.insert(rows.axes.end(), direction.begin(), direction.end());
    rows.widths.push_back(direction.size());
  }
  const auto sms_of = [&gpu](const Sample& sample) {
    return sample.sms == 0 ? gpu.sms : sample.sms;
  };
  if (!has_axis(rows, Axis::kSms)) {
    const int first = sms_of(*group.samples.front());
    const bool varied = std::ranges::any_of(
        group.samples, [&](const Sample* sample) { return sms_of(*sample) != first; });
    if (varied) {
      rows.axes.push_back(Axis::kSms);
      rows.widths.push_back(1);
    } else {
      rows.sms = first == gpu.sms ? 0 : first;
    }
  }
  struct Place {
    const Op* op = nullptr;
    std::vector<double> times;
  };
  std::map<std::vector<double>, Place> places;
  std::vector<double> at(rows.axes.size());
  for (const Sample* sample : group.samples) {
    for (std::size_t axis = 0; axis < rows.axes.size(); ++axis) {
      at[axis] = written_coordinate(rows.axes[axis],
                                    coordinate(sample->op, sms_of(*sample), rows.axes[axis]));
    }
    Place& place = places[at];
    place.op = &sample->op;
    place.times.push_back(sample->time.si());
  }
  rows.measured = static_cast<std::int64_t>(group.samples.size());
  for (auto& [where, place] : places) {
    rows.at.insert(rows.at.end(), where.begin(), where.end());
    rows.ops.push_back(*place.op);
    for (std::size_t i = 1; i < place.times.size(); ++i) {
      rows.repeats.push_back(std::abs(place.times[i] / place.times[i - 1] - 1.0));
    }
    rows.times.push_back(median(std::move(place.times)));
  }
  return rows;
}

/// Of ascending knots an even choice, both ends among them.
std::vector<double> thinned(const std::vector<double>& knots, std::size_t most) {
  if (knots.size() <= most) {
    return knots;
  }
  std::vector<double> chosen;
  chosen.reserve(most);
  for (std::size_t i = 0; i < most; ++i) {
    chosen.push_back(knots[i * (knots.size() - 1) / (most - 1)]);
  }
  return chosen;
}

/// The distinct places along a direction, ascending, and which of them each row lies at.
struct Places {
  std::vector<std::vector<double>> distinct;
  std::vector<std::size_t> of_row;  // (rows)
};

std::vector<Places> places_of(const FitRows& rows) {
  std::vector<Places> result;
  result.reserve(rows.widths.size());
  std::size_t first = 0;
  for (const std::size_t width : rows.widths) {
    const auto part = [&](std::size_t row) {
      const auto place = rows.place(row).subspan(first, width);
      return std::vector<double>(place.begin(), place.end());
    };
    std::map<std::vector<double>, std::size_t> index;
    for (std::size_t row = 0; row < rows.count(); ++row) {
      index.emplace(part(row), 0);
    }
    Places places;
    places.distinct.reserve(index.size());
    for (auto& [place, site] : index) {
      site = places.distinct.size();
      places.distinct.push_back(place);
    }
    places.of_row.reserve(rows.count());
    for (std::size_t row = 0; row < rows.count(); ++row) {
      places.of_row.push_back(index.at(part(row)));
    }
    result.push_back(std::move(places));
    first += width;
  }
  return result;
}

/// How many places of the other direction the rows at each place of this one meet.
std::vector<std::size_t> places_met(const Places& places, const Places& others) {
  std::vector<std::vector<char>> met(places.distinct.size(),
                                     std::vector<char>(others.distinct.size(), 0));
  for (std::size_t row = 0; row < places.of_row.size(); ++row) {
    met[places.of_row[row]][others.of_row[row]] = 1;
  }
  std::vector<std::size_t> counts;
  counts.reserve(met.size());
  for (const std::vector<char>& one : met) {
    counts.push_back(static_cast<std::size_t>(std::ranges::count(one, 1)));
  }
  return counts;
}

/// Which places of a direction make good knots. Not one that meets less than half as many places
/// of some other direction as knots on both of its sides do: its factors would follow from the few
/// that it meets, and be used for all. So 24 streams of keys and values, timed only with 3 or 12
/// heads of them, are not a knot between 16 and 32, timed with nearly any number of heads: the rows
/// at 24 count for those two. A table that ends early for large sizes loses no knots, since on one
/// side of them nothing meets more.
std::vector<char> supported_knots(const std::vector<Places>& places, std::size_t direction) {
  const std::size_t count = places[direction].distinct.size();
  std::vector<char> supported(count, 1);
  for (std::size_t other = 0; other < places.size(); ++other) {
    if (other == direction) {
      continue;
    }
    const std::vector<std::size_t> met = places_met(places[direction], places[other]);
    for (std::size_t knot = 1; knot + 1 < count; ++knot) {
      const auto middle = met.begin() + static_cast<std::ptrdiff_t>(knot);
      const std::size_t below = *std::max_element(met.begin(), middle);
      const std::size_t above = *std::max_element(middle + 1, met.end());
      if (2 * *middle < std::min(below, above)) {
        supported[knot] = 0;
      }
    }
  }
  return supported;
}

}  // namespace

double size_at(Axis axis, double coordinate) {
  return axis == Axis::kSkew ? coordinate : std::exp2(coordinate);
}

double coordinate_of_size(Axis axis, double size) {
  return axis == Axis::kSkew ? size : std::log2(size);
}

double written_coordinate(Axis axis, double coordinate) {
  const double size = size_at(axis, coordinate);
  const double rounded = std::round(size);
  if (std::abs(size - rounded) < 1e-9 * std::abs(rounded)) {
    return coordinate_of_size(axis, rounded);
  }
  return coordinate_of_size(axis, std::strtod(fmt::format("{:.9g}", size).c_str(), nullptr));
}

std::vector<FitRows> rows_by_key(const std::vector<Sample>& samples, const Gpu& gpu) {
  std::vector<FitRows> result;
  for (const Group& group : groups_of(samples)) {
    result.push_back(rows_of(group, gpu));
  }
  return result;
}

std::vector<Sites> sites_of(const FitRows& rows, std::size_t most) {
  const std::vector<Places> places = places_of(rows);
  std::vector<Sites> result;
  result.reserve(rows.widths.size());
  for (std::size_t d = 0; d < rows.widths.size(); ++d) {
    const std::vector<char> supported = rows.widths[d] == 1
                                            ? supported_knots(places, d)
                                            : std::vector<char>(places[d].distinct.size(), 1);
    Sites sites = {.width = rows.widths[d], .at = {}};
    for (std::size_t site = 0; site < supported.size(); ++site) {
      const std::vector<double>& at = places[d].distinct[site];
      if (supported[site] != 0) {
        sites.at.insert(sites.at.end(), at.begin(), at.end());
      }
    }
    if (sites.width == 1) {
      sites.at = thinned(sites.at, most);
    }
    result.push_back(std::move(sites));
  }
  return result;
}

}  // namespace towtank
