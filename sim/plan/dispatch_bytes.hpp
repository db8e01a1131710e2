// Bytes between each pair of ranks when tokens travel to their experts and results come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/model/recipe.hpp"
#include "sim/plan/mesh.hpp"

namespace towtank {

/// One token's activations, `hidden` wide, on their way to an expert: with FP8 recipes FP8 and one
/// FP32 scale per 128 elements (DeepSeek-V3 report, section 3.3.2), BF16 otherwise.
Bytes dispatched_copy(const Recipe& recipe, std::int64_t hidden);

/// An expert's result on its way back: BF16.
Bytes combined_copy(std::int64_t hidden);

/// What each rank of a group sends to each other one, by the port it leaves through. Ranks count
/// node by node, as in GroupShape. Entry [from * ranks + to].
struct PairBytes {
  std::size_t ranks = 0;
  std::vector<Bytes> nic;     // (ranks x ranks) between nodes
  std::vector<Bytes> nvlink;  // (ranks x ranks) inside nodes

  Bytes over_nic(std::size_t from, std::size_t to) const { return nic[from * ranks + to]; }
  Bytes over_nvlink(std::size_t from, std::size_t to) const { return nvlink[from * ranks + to]; }
};

/// Expected bytes of a dispatch in which each rank sends `tokens` (ranks; tokens of each source)
/// with `copy` bytes a token. A token crosses the network once to each remote node that holds any
/// of its experts, lands there on the GPU of the sender's own place (counted round a node that has
/// fewer members), and is forwarded over NVLink to each further GPU that needs it, once
/// (DeepSeek-V3 report, section 3.2.2). `rank_visits` and `node_visits` are the probabilities that
/// it needs a rank and a node.
PairBytes dispatch_bytes(const GroupShape& shape,
                         std::span<const double> tokens,
                         std::span<const double> rank_visits,
                         std::span<const double> node_visits,
                         Bytes copy);

/// The combine that answers a dispatch: results take the same ways back, summed up inside each node
/// before they cross the network. Give the dispatch the combine's `copy`.
PairBytes reversed(const PairBytes& dispatch);

/// What each rank sends, or receives, over the NIC or NVLink part of the pairs. (ranks)
std::vector<Bytes> sent(const std::vector<Bytes>& pairs, std::size_t ranks);
std::vector<Bytes> received(const std::vector<Bytes>& pairs, std::size_t ranks);

}  // namespace towtank
