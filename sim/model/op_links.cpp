// What collectives and the expert exchange send over links.
//
// The exchange counts as DeepEP's tests do (deepseek-ai/DeepEP, tests/test_internode.py and
// tests/test_low_latency.py), but without the copies that stay with the sender, which those count.
#include <algorithm>

#include "sim/base/error.hpp"
#include "sim/model/op.hpp"
#include "sim/model/op_shape.hpp"

namespace towtank {
namespace {

/// Nodes to which the routing sends a token at most: DeepSeek-V3's limit (arXiv 2412.19437, section
/// 2.1.2), with which DeepEP is measured.
constexpr double kMostNodes = 4.0;

/// Bytes a rank sends: all of them, and those among them that leave the node. Per node they are the
/// least any algorithm needs without sums inside of switches, spread evenly over its ranks.
struct Sent {
  double all = 0.0;
  double network = 0.0;
};

Sent sent_by_collective(OpKind kind, const CollectiveShape& shape) {
  const double ranks = static_cast<double>(shape.ranks);
  const double nodes = static_cast<double>(shape.nodes);
  const double bytes = static_cast<double>(shape.bytes);
  check(shape.ranks > 0 && shape.nodes > 0 && shape.nodes <= shape.ranks,
        "a collective has at least one rank on each of its nodes");
  if (shape.ranks == 1) {
    return {};
  }
  const double gathered = bytes * (ranks - 1.0) / ranks;
  const double gathered_by_network = bytes * (nodes - 1.0) / ranks;
  switch (kind) {
    case OpKind::kAllReduce:  // a reduce-scatter and an all-gather
      return {2.0 * gathered, 2.0 * gathered_by_network};
    case OpKind::kAllGather:
    case OpKind::kReduceScatter:
      return {gathered, gathered_by_network};
    case OpKind::kAllToAll:  // nothing is shared: every rank has something else for every other
      return {gathered, bytes * (nodes - 1.0) / nodes};
    case OpKind::kSendRecv:
      return {bytes, nodes > 1.0 ? bytes : 0.0};
    case OpKind::kBroadcast:  // on and on, a part through each card
      return {bytes, nodes > 1.0 ? bytes * nodes / ranks : 0.0};
    default:
      return {};
  }
}

/// Probability that none of `chosen` different ones of `all` is among `some`.
double none_among(double some, double all, std::int64_t chosen) {
  double probability = 1.0;
  for (std::int64_t i = 0; i < chosen; ++i) {
    const double left = all - static_cast<double>(i);
    probability *= left > 0.0 ? std::max(0.0, (left - some) / left) : 0.0;
  }
  return probability;
}

bool is_low_latency(OpKind kind) {
  return kind == OpKind::kExpertDispatchLowLatency || kind == OpKind::kExpertCombineLowLatency;
}

/// Copies of a token. Kernels for throughput send one to each node where an expert of it is (to the
/// rank in the sender's place there), and on from there one to each rank; those for low latency one
/// for each expert, straight to its rank.
Sent copies_per_token(OpKind kind, const ExchangeShape& shape) {
  const double ranks = static_cast<double>(shape.ranks);
  const double nodes = static_cast<double>(shape.nodes);
  check(shape.ranks > 0 && shape.nodes > 0 && shape.nodes <= shape.ranks,
        "an expert exchange has at least one rank on each of its nodes");
  const double elsewhere = (nodes - 1.0) / nodes;
  if (is_low_latency(kind)) {
    const double copies = static_cast<double>(shape.topk);
    return {copies * (ranks - 1.0) / ranks, copies * elsewhere};
  }
  const double in_node = ranks / nodes;
  const double eligible = std::min(nodes, kMostNodes);
  const double experts = static_cast<double>(shape.experts) * eligible / nodes;
  const double of_node = experts / eligible;
  const double reached_nodes = eligible * (1.0 - none_among(of_node, experts, shape.topk));
  const double reached_ranks =
      eligible * in_node * (1.0 - none_among(of_node / in_node, experts, shape.topk));
  const double network = reached_nodes * elsewhere;
  return {network + reached_ranks * (in_node - 1.0) / in_node, network};
}

Sent sent_by_exchange(const Op& op) {
  const ExchangeShape& shape = exchange_shape(op);
  const bool dispatch =
      op.kind == OpKind::kExpertDispatch || op.kind == OpKind::kExpertDispatchLowLatency;
  const double token = static_cast<double>(shape.hidden) *
                       (dispatch ? stored_bytes(op.precision) : plain_bytes(op.precision));
  const Sent copies = copies_per_token(op.kind, shape);
  const double tokens = static_cast<double>(shape.tokens);
  return {copies.all * token * tokens, copies.network * token * tokens};
}

Sent sent(const Op& op) {
  switch (shape_form(op.kind)) {
    case ShapeForm::kCollective:
      return sent_by_collective(op.kind, collective_shape(op));
    case ShapeForm::kExchange:
      return sent_by_exchange(op);
    case ShapeForm::kGemm:
    case ShapeForm::kAttention:
    case ShapeForm::kSweep:
    case ShapeForm::kMoe:
      return {};
  }
  return {};
}

}  // namespace

Bytes link_traffic(const Op& op) {
  return sent(op).all * byte;
}

Bytes network_traffic(const Op& op) {
  return sent(op).network * byte;
}

}  // namespace towtank
