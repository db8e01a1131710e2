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

namespace {

/// Where a rank of a group sits.
struct Seat {
  std::size_t node = 0;
  std::size_t place = 0;
};

std::vector<Seat> seats_of(const GroupShape& shape) {
  std::vector<Seat> seats;
  seats.reserve(static_cast<std::size_t>(shape.size()));
  for (int node = 0; node < shape.nodes; ++node) {
    for (int place = 0; place < shape.on(node); ++place) {
      seats.push_back(
          {.node = static_cast<std::size_t>(node), .place = static_cast<std::size_t>(place)});
    }
  }
  return seats;
}

}  // namespace

PairBytes dispatch_bytes(const GroupShape& shape,
                         std::span<const double> tokens,
                         std::span<const double> rank_visits,
                         std::span<const double> node_visits,
                         Bytes copy) {
  const auto ranks = static_cast<std::size_t>(shape.size());
  const auto nodes = static_cast<std::size_t>(shape.nodes);
  check(tokens.size() == ranks && rank_visits.size() == ranks && node_visits.size() == nodes,
        "every rank and node of the group has its tokens and visits");
  PairBytes pairs{.ranks = ranks,
                  .nic = std::vector<Bytes>(ranks * ranks),
                  .nvlink = std::vector<Bytes>(ranks * ranks)};
  const std::vector<Seat> seats = seats_of(shape);
  for (std::size_t source = 0; source < ranks; ++source) {
    const Bytes all = tokens[source] * copy;
    std::size_t first = 0;  // rank of the node
    for (std::size_t node = 0; node < nodes; ++node) {
      const auto members = static_cast<std::size_t>(shape.on(static_cast<int>(node)));
      const std::size_t landing = first + seats[source].place % members;
      if (node != seats[source].node) {
        pairs.nic[source * ranks + landing] += node_visits[node] * all;
      }
      for (std::size_t rank = first; rank < first + members; ++rank) {
        if (rank != landing) {
          pairs.nvlink[landing * ranks + rank] += rank_visits[rank] * all;
        }
      }
      first += members;
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
