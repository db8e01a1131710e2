#include "sim/graph/rank_classes.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <unordered_map>

namespace towtank {
namespace {

using Colours = std::vector<std::uint64_t>;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014) over two numbers.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  std::uint64_t hash = a * 0x9e3779b97f4a7c15ULL + b;
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31U);
}

std::uint64_t mixed(int a, std::uint64_t b) {
  return mixed(static_cast<std::uint64_t>(a), b);
}

/// What relations say of each thing in one round: sums of hashes, since multisets have no order.
struct Surroundings {
  Colours ranks;
  Colours wires;
};

void add_groups(const RankRelations& relations, const Colours& ranks, Surroundings& seen) {
  Colours groups(at(relations.groups), 0);
  for (const auto& [label, group, rank] : relations.memberships) {
    groups[at(group)] += mixed(label, ranks[at(rank)]);
  }
  for (const auto& [label, group, rank] : relations.memberships) {
    seen.ranks[at(rank)] += mixed(label, mixed(3, groups[at(group)]));
  }
}

void add_sendings(const RankRelations& relations,
                  const Colours& ranks,
                  const Colours& wires,
                  Surroundings& seen) {
  std::size_t crossing = 0;
  for (std::size_t i = 0; i < relations.sendings.size(); ++i) {
    const auto& [label, from, to] = relations.sendings[i];
    std::uint64_t way = 0;
    const std::size_t first = crossing;
    while (crossing < relations.crossings.size() &&
           at(relations.crossings[crossing].sending) == i) {
      const RankRelations::Crossing& over = relations.crossings[crossing++];
      way += mixed(over.share, wires[at(over.wire)]);
    }
    const std::uint64_t sending =
        mixed(mixed(label, way), mixed(ranks[at(from)], mixed(0, ranks[at(to)])));
    seen.ranks[at(from)] += mixed(1, sending);
    seen.ranks[at(to)] += mixed(2, sending);
    for (std::size_t over = first; over < crossing; ++over) {
      seen.wires[at(relations.crossings[over].wire)] +=
          mixed(relations.crossings[over].share, sending);
    }
  }
}

void refine(const Colours& seen, Colours& colours) {
  for (std::size_t i = 0; i < colours.size(); ++i) {
    colours[i] = mixed(colours[i], seen[i]);
  }
}

Partition partition(const Colours& colours) {
  Partition result;
  result.class_of.reserve(colours.size());
  std::unordered_map<std::uint64_t, int> numbers;
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const auto [entry, is_new] =
        numbers.try_emplace(colours[i], static_cast<int>(result.members.size()));
    if (is_new) {
      result.representatives.push_back(static_cast<int>(i));
      result.members.push_back(0);
    }
    result.class_of.push_back(entry->second);
    ++result.members[at(entry->second)];
  }
  return result;
}

}  // namespace

RankClasses equitable_partition(const RankRelations& relations) {
  Colours ranks = relations.attributes;
  Colours wires = relations.wires;
  RankClasses classes{.ranks = partition(ranks), .wires = partition(wires)};
  while (true) {
    Surroundings seen{.ranks = Colours(ranks.size(), 0), .wires = Colours(wires.size(), 0)};
    add_groups(relations, ranks, seen);
    add_sendings(relations, ranks, wires, seen);
    refine(seen.ranks, ranks);
    refine(seen.wires, wires);
    RankClasses refined{.ranks = partition(ranks), .wires = partition(wires)};
    // Refinement only splits: as many classes as before are the same classes.
    if (refined.ranks.members.size() == classes.ranks.members.size() &&
        refined.wires.members.size() == classes.wires.members.size()) {
      return refined;
    }
    classes = std::move(refined);
  }
}

Partition unfolded(int things) {
  Partition result;
  result.class_of.resize(at(things));
  std::iota(result.class_of.begin(), result.class_of.end(), 0);
  result.representatives = result.class_of;
  result.members.assign(at(things), 1);
  return result;
}

}  // namespace towtank
