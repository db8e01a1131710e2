#include "sim/plan/even_packing.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// What lies in a bin.
struct Bin {
  std::vector<std::size_t> items;
  double weight = 0.0;
};

bool holds(const Bin& bin, std::span<const std::size_t> kinds, std::size_t kind) {
  return std::ranges::any_of(bin.items, [&](std::size_t item) { return kinds[item] == kind; });
}

/// The lightest bin that has room, among those without the kind if there are any.
std::size_t bin_for(const std::vector<Bin>& bins,
                    std::size_t room,
                    std::span<const std::size_t> kinds,
                    std::size_t kind) {
  std::optional<std::size_t> best;
  bool best_holds = false;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].items.size() == room) {
      continue;
    }
    const bool repeats = holds(bins[i], kinds, kind);
    if (!best || std::pair(repeats, bins[i].weight) < std::pair(best_holds, bins[*best].weight)) {
      best = i;
      best_holds = repeats;
    }
  }
  check(best.has_value(), "bins have room for all items");
  return *best;
}

std::vector<std::size_t> heaviest_first(std::span<const double> weights) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  return order;
}

/// An exchange of an item of one bin with an item of another, by their places in the bins.
struct Exchange {
  std::size_t own = 0;
  std::size_t other_bin = 0;
  std::size_t other = 0;
  double heavier = 0.0;  // weight of the heavier of both bins afterwards
};

/// The exchange with another bin that leaves the heavier of both lightest; none when no exchange
/// makes it lighter than `bins[from]` is.
std::optional<Exchange> best_exchange(const std::vector<Bin>& bins,
                                      std::size_t from,
                                      std::span<const double> weights,
                                      std::span<const std::size_t> kinds) {
  const Bin& own = bins[from];
  std::optional<Exchange> best;
  double limit = own.weight * (1.0 - 1e-12);  // less is rounding
  for (std::size_t to = 0; to < bins.size(); ++to) {
    for (std::size_t i = 0; i < own.items.size() && to != from; ++i) {
      for (std::size_t j = 0; j < bins[to].items.size(); ++j) {
        const std::size_t a = own.items[i];
        const std::size_t b = bins[to].items[j];
        const double moved = weights[a] - weights[b];
        const double heavier = std::max(own.weight - moved, bins[to].weight + moved);
        if (heavier < limit && !holds(bins[to], kinds, kinds[a]) && !holds(own, kinds, kinds[b])) {
          best = {.own = i, .other_bin = to, .other = j, .heavier = heavier};
          limit = heavier;
        }
      }
    }
  }
  return best;
}

double weight_of(const Bin& bin, std::span<const double> weights) {
  double sum = 0.0;
  for (const std::size_t item : bin.items) {
    sum += weights[item];
  }
  return sum;
}

}  // namespace

std::vector<std::size_t> pack_evenly(std::span<const double> weights,
                                     std::span<const std::size_t> kinds,
                                     std::size_t bins) {
  check(weights.size() == kinds.size() && weights.size() % bins == 0, "items fill the bins");
  const std::size_t room = weights.size() / bins;
  std::vector<Bin> packed(bins);
  std::vector<std::size_t> bin_of(weights.size(), 0);
  for (const std::size_t item : heaviest_first(weights)) {
    bin_of[item] = bin_for(packed, room, kinds, kinds[item]);
    packed[bin_of[item]].items.push_back(item);
    packed[bin_of[item]].weight += weights[item];
  }
  return exchanged(std::move(bin_of), weights, kinds, bins);
}

std::vector<std::size_t> exchanged(std::vector<std::size_t> bin_of,
                                   std::span<const double> weights,
                                   std::span<const std::size_t> kinds,
                                   std::size_t bins) {
  std::vector<Bin> packed(bins);
  for (std::size_t item = 0; item < bin_of.size(); ++item) {
    packed[bin_of[item]].items.push_back(item);
    packed[bin_of[item]].weight += weights[item];
  }
  const auto by_weight = [](const Bin& a, const Bin& b) { return a.weight < b.weight; };
  while (bins > 1) {
    const auto heaviest = static_cast<std::size_t>(
        std::max_element(packed.begin(), packed.end(), by_weight) - packed.begin());
    const std::optional<Exchange> exchange = best_exchange(packed, heaviest, weights, kinds);
    if (!exchange) {
      break;  // bins of the same weight do not matter: the heaviest stays the heaviest
    }
    Bin& own = packed[heaviest];
    Bin& other = packed[exchange->other_bin];
    bin_of[own.items[exchange->own]] = exchange->other_bin;
    bin_of[other.items[exchange->other]] = heaviest;
    std::swap(own.items[exchange->own], other.items[exchange->other]);
    own.weight = weight_of(own, weights);
    other.weight = weight_of(other, weights);
  }
  return bin_of;
}

}  // namespace towtank
