#include "sim/graph/full_wires.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace towtank {
namespace {

using Crossing = RankRelations::Crossing;

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// The crossings of each rank's sendings, rank by rank: positions in `crossings`, and where each
/// rank's begin.
struct ByRank {
  std::vector<std::size_t> crossings;
  std::vector<std::size_t> begins;  // (ranks + 1)
};

/// By the sending or the receiving end.
ByRank by_rank(const RankRelations& relations, int RankRelations::Sending::*end) {
  ByRank result;
  result.begins.assign(relations.attributes.size() + 1, 0);
  const auto rank_of = [&](const Crossing& crossing) {
    return at(relations.sendings[at(crossing.sending)].*end);
  };
  for (const Crossing& crossing : relations.crossings) {
    ++result.begins[rank_of(crossing) + 1];
  }
  std::partial_sum(result.begins.begin(), result.begins.end(), result.begins.begin());
  result.crossings.resize(relations.crossings.size());
  std::vector<std::size_t> next(result.begins.begin(), result.begins.end() - 1);
  for (std::size_t i = 0; i < relations.crossings.size(); ++i) {
    result.crossings[next[rank_of(relations.crossings[i])]++] = i;
  }
  return result;
}

/// The most that the ports at one end of all sendings can put on each wire.
std::vector<double> most_offered(const RankRelations& relations,
                                 int RankRelations::Sending::*end,
                                 const std::vector<Bandwidth>& ports,
                                 int units) {
  const ByRank ordered = by_rank(relations, end);
  std::vector<double> offered(relations.wires.size(), 0.0);
  std::vector<int> greatest(relations.wires.size(), 0);  // share of the rank under way
  std::vector<int> touched;
  for (std::size_t rank = 0; rank < ports.size(); ++rank) {
    for (std::size_t i = ordered.begins[rank]; i < ordered.begins[rank + 1]; ++i) {
      const Crossing& crossing = relations.crossings[ordered.crossings[i]];
      int& share = greatest[at(crossing.wire)];
      if (share == 0) {
        touched.push_back(crossing.wire);
      }
      share = std::max(share, crossing.share);
    }
    for (const int wire : touched) {
      offered[at(wire)] += ports[rank].si() * greatest[at(wire)] / units;
      greatest[at(wire)] = 0;
    }
    touched.clear();
  }
  return offered;
}

}  // namespace

std::vector<bool> can_be_full(const RankRelations& relations,
                              const std::vector<Bandwidth>& ports,
                              const std::vector<Bandwidth>& capacities,
                              int units) {
  constexpr double kRounding = 1.0 + 1e-12;
  const std::vector<double> sent =
      most_offered(relations, &RankRelations::Sending::from, ports, units);
  const std::vector<double> received =
      most_offered(relations, &RankRelations::Sending::to, ports, units);
  std::vector<bool> result(capacities.size());
  for (std::size_t wire = 0; wire < capacities.size(); ++wire) {
    result[wire] = std::min(sent[wire], received[wire]) > capacities[wire].si() * kRounding;
  }
  return result;
}

void leave_out(const std::vector<bool>& can_be_full, RankRelations& relations) {
  std::erase_if(relations.crossings, [&can_be_full](const Crossing& crossing) {
    return !can_be_full[at(crossing.wire)];
  });
}

}  // namespace towtank
