#include "sim/graph/rank_classes.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
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

/// What of a list belongs to each sending: a stretch of the list, which ascends by sending.
template <typename Part>
class Stretches {
 public:
  explicit Stretches(const std::vector<Part>& parts) : parts_(parts) {}

  /// Of the next sending, which must be asked for in turn.
  std::span<const Part> of(std::size_t sending) {
    const std::size_t first = next_;
    while (next_ < parts_.size() && at(parts_[next_].sending) == sending) {
      ++next_;
    }
    return std::span(parts_).subspan(first, next_ - first);
  }

 private:
  const std::vector<Part>& parts_;
  std::size_t next_ = 0;
};

using Crossings = Stretches<RankRelations::Crossing>;
using Passages = Stretches<RankRelations::Passage>;

std::uint64_t passed(const RankRelations::Passage& passage, std::uint64_t what) {
  return mixed(passage.port, mixed(passage.share, what));
}

/// The colours of the groups: of their members, and of the wires on which these move together.
Colours group_colours(const RankRelations& relations, const Colours& ranks, const Colours& wires) {
  Colours groups(at(relations.groups), 0);
  for (const auto& [label, group, rank] : relations.memberships) {
    groups[at(group)] += mixed(label, ranks[at(rank)]);
  }
  Crossings crossings(relations.crossings);
  Passages passages(relations.passages);
  for (std::size_t i = 0; i < relations.sendings.size(); ++i) {
    const RankRelations::Sending& sending = relations.sendings[i];
    for (const RankRelations::Passage& through : passages.of(i)) {
      if (sending.group >= 0) {
        groups[at(sending.group)] += mixed(6, passed(through, ranks[at(through.rank)]));
      }
    }
    for (const RankRelations::Crossing& over : crossings.of(i)) {
      if (sending.group >= 0) {
        groups[at(sending.group)] += mixed(4, mixed(over.share, wires[at(over.wire)]));
      }
    }
  }
  return groups;
}

void add_sendings(const RankRelations& relations,
                  const Colours& groups,
                  const Colours& ranks,
                  const Colours& wires,
                  Surroundings& seen) {
  Crossings crossings(relations.crossings);
  Passages passages(relations.passages);
  for (std::size_t i = 0; i < relations.sendings.size(); ++i) {
    const auto& [label, from, to, group] = relations.sendings[i];
    const std::span<const RankRelations::Crossing> way = crossings.of(i);
    const std::span<const RankRelations::Passage> ports = passages.of(i);
    std::uint64_t way_colour = 0;
    for (const RankRelations::Passage& through : ports) {
      way_colour += mixed(7, passed(through, ranks[at(through.rank)]));
    }
    for (const RankRelations::Crossing& over : way) {
      way_colour += mixed(over.share, wires[at(over.wire)]);
    }
    const std::uint64_t sending =
        group >= 0
            ? mixed(label, mixed(5, groups[at(group)]))
            : mixed(mixed(label, way_colour), mixed(ranks[at(from)], mixed(0, ranks[at(to)])));
    if (group < 0) {
      seen.ranks[at(from)] += mixed(1, sending);
      seen.ranks[at(to)] += mixed(2, sending);
    }
    for (const RankRelations::Crossing& over : way) {
      seen.wires[at(over.wire)] += mixed(over.share, sending);
    }
    for (const RankRelations::Passage& through : ports) {
      seen.ranks[at(through.rank)] += mixed(8, passed(through, sending));
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
    const Colours groups = group_colours(relations, ranks, wires);
    for (const auto& [label, group, rank] : relations.memberships) {
      seen.ranks[at(rank)] += mixed(label, mixed(3, groups[at(group)]));
    }
    add_sendings(relations, groups, ranks, wires, seen);
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
