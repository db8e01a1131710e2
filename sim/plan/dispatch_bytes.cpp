#include "sim/plan/dispatch_bytes.hpp"

#include "sim/base/error.hpp"

namespace towtank {

Bytes dispatched_copy(const Recipe& recipe, std::int64_t hidden) {
  constexpr Bytes kFp8WithScale{1.0 + 4.0 / 128.0};
  return recipe.gemm == Precision::kFp8Block ? static_cast<double>(hidden) * kFp8WithScale
                                             : combined_copy(hidden);
}

Bytes combined_copy(std::int64_t hidden) {
  constexpr Bytes kBf16{2.0};
  return static_cast<double>(hidden) * kBf16;
}

PairBytes dispatch_bytes(const GroupShape& shape,
                         std::span<const double> tokens,
                         std::span<const double> rank_visits,
                         std::span<const double> node_visits,
                         Bytes copy) {
  const auto ranks = static_cast<std::size_t>(shape.size());
  const auto local = static_cast<std::size_t>(shape.local);
  const auto nodes = static_cast<std::size_t>(shape.nodes);
  check(tokens.size() == ranks && rank_visits.size() == ranks && node_visits.size() == nodes,
        "every rank and node of the group has its tokens and visits");
  PairBytes pairs{.ranks = ranks,
                  .nic = std::vector<Bytes>(ranks * ranks),
                  .nvlink = std::vector<Bytes>(ranks * ranks)};
  for (std::size_t source = 0; source < ranks; ++source) {
    const Bytes all = tokens[source] * copy;
    for (std::size_t node = 0; node < nodes; ++node) {
      const std::size_t landing = node * local + source % local;
      if (node != source / local) {
        pairs.nic[source * ranks + landing] += node_visits[node] * all;
      }
      for (std::size_t rank = node * local; rank < (node + 1) * local; ++rank) {
        if (rank != landing) {
          pairs.nvlink[landing * ranks + rank] += rank_visits[rank] * all;
        }
      }
    }
  }
  return pairs;
}

namespace {

std::vector<Bytes> transposed(const std::vector<Bytes>& pairs, std::size_t ranks) {
  std::vector<Bytes> result(pairs.size());
  for (std::size_t from = 0; from < ranks; ++from) {
    for (std::size_t to = 0; to < ranks; ++to) {
      result[to * ranks + from] = pairs[from * ranks + to];
    }
  }
  return result;
}

}  // namespace

PairBytes reversed(const PairBytes& dispatch) {
  return {.ranks = dispatch.ranks,
          .nic = transposed(dispatch.nic, dispatch.ranks),
          .nvlink = transposed(dispatch.nvlink, dispatch.ranks)};
}

std::vector<Bytes> sent(const std::vector<Bytes>& pairs, std::size_t ranks) {
  check(pairs.size() == ranks * ranks, "there is an entry for each pair of ranks");
  std::vector<Bytes> sums(ranks);
  for (std::size_t pair = 0; pair < pairs.size(); ++pair) {
    sums[pair / ranks] += pairs[pair];
  }
  return sums;
}

std::vector<Bytes> received(const std::vector<Bytes>& pairs, std::size_t ranks) {
  return sent(transposed(pairs, ranks), ranks);
}

}  // namespace towtank
