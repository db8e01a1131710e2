#include "sim/profile/kernel_times.hpp"

#include <bit>
#include <cstdint>
#include <initializer_list>

namespace towtank {
namespace {

/// The finaliser of MurmurHash3 (Appleby, public domain) over each number in turn.
std::uint64_t mixed(std::initializer_list<std::int64_t> numbers) {
  std::uint64_t hash = 0;
  for (const std::int64_t number : numbers) {
    hash ^= static_cast<std::uint64_t>(number);
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdULL;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53ULL;
    hash ^= hash >> 33;
  }
  return hash;
}

struct ShapeHash {
  std::uint64_t operator()(const GemmShape& s) const { return mixed({s.m, s.n, s.k, s.groups}); }
  std::uint64_t operator()(const AttentionShape& s) const {
    return mixed({s.batch, s.heads, s.query, s.context, s.qk_dim, s.v_dim, s.kv_heads, s.window});
  }
  std::uint64_t operator()(const SweepShape& s) const { return mixed({s.rows, s.columns}); }
  std::uint64_t operator()(const MoeShape& s) const {
    return mixed({s.tokens,
                  s.hidden,
                  s.intermediate,
                  s.topk,
                  s.experts,
                  s.tensor_parallel,
                  s.expert_parallel,
                  std::bit_cast<std::int64_t>(s.skew)});
  }
  std::uint64_t operator()(const CollectiveShape& s) const {
    return mixed({s.ranks, s.nodes, s.bytes});
  }
  std::uint64_t operator()(const ExchangeShape& s) const {
    return mixed({s.ranks, s.nodes, s.tokens, s.hidden, s.topk, s.experts});
  }
};

}  // namespace

std::size_t KernelTimes::Hash::operator()(const Kernel& kernel) const {
  const std::uint64_t shape = std::visit(ShapeHash(), kernel.op.shape);
  return mixed({static_cast<std::int64_t>(shape),
                static_cast<std::int64_t>(kernel.op.kind),
                static_cast<std::int64_t>(kernel.op.precision),
                kernel.sms});
}

const Estimate& KernelTimes::of(const Op& op, int sms) const {
  const Kernel kernel{.op = op, .sms = sms};
  const auto found = known_.find(kernel);
  if (found != known_.end()) {
    return found->second;
  }
  return known_.emplace(kernel, estimate(*profile_, op, sms)).first->second;
}

}  // namespace towtank
