#include "sim/collective/halving_doubling.hpp"

#include <algorithm>

namespace towtank {
namespace {

/// The members as the steps see them: `core` of them pair up, the others each have a partner among
/// the first of the core.
struct Pairing {
  int members = 0;
  int core = 1;

  int extras() const { return members - core; }
  /// Blocks held by members [first, first + count) of the core at the start: their own, and those
  /// of the extras that they took in.
  int blocks(int first, int count) const { return count + std::clamp(extras() - first, 0, count); }
};

Pairing pairing(int members) {
  Pairing pairs{.members = members};
  while (pairs.core * 2 <= members) {
    pairs.core *= 2;
  }
  return pairs;
}

Medium medium_between(const CollectiveCall& call, int a, int b) {
  return call.members[static_cast<std::size_t>(a)].node ==
                 call.members[static_cast<std::size_t>(b)].node
             ? Medium::kNvlink
             : Medium::kNic;
}

MovementPhase phase_of(const CollectiveCall& call, std::vector<Delivery> deliveries) {
  MovementPhase phase;
  for (Delivery& delivery : deliveries) {
    delivery.medium = medium_between(call, delivery.from, delivery.to);
    (delivery.medium == Medium::kNic ? phase.hops.nic : phase.hops.nvlink) = 1;
  }
  if (phase.hops.nic == 1) {
    phase.hops.nvlink = 0;  // pairs move at the same time; the slower hop is the step's
  }
  phase.deliveries = std::move(deliveries);
  return phase;
}

/// The phases of an all-gather of `bytes` in all.
std::vector<MovementPhase> gathering(const CollectiveCall& call) {
  const Pairing pairs = pairing(static_cast<int>(call.members.size()));
  const Bytes block = call.bytes / pairs.members;
  std::vector<MovementPhase> phases;
  std::vector<Delivery> step;
  step.reserve(static_cast<std::size_t>(pairs.core));
  for (int extra = 0; extra < pairs.extras(); ++extra) {
    step.push_back({.from = pairs.core + extra, .to = extra, .bytes = block});
  }
  if (!step.empty()) {
    phases.push_back(phase_of(call, step));
  }
  for (int distance = 1; distance < pairs.core; distance *= 2) {
    step.clear();
    for (int member = 0; member < pairs.core; ++member) {
      const int first = member / distance * distance;  // of those whose blocks it holds
      step.push_back({.from = member,
                      .to = member ^ distance,
                      .bytes = block * static_cast<double>(pairs.blocks(first, distance))});
    }
    phases.push_back(phase_of(call, step));
  }
  step.clear();
  for (int extra = 0; extra < pairs.extras(); ++extra) {
    step.push_back({.from = extra,
                    .to = pairs.core + extra,
                    .bytes = block * static_cast<double>(pairs.members - 1)});
  }
  if (!step.empty()) {
    phases.push_back(phase_of(call, step));
  }
  return phases;
}

/// A reduce-scatter is an all-gather run backwards: additions in the place of copies.
std::vector<MovementPhase> scattering(const CollectiveCall& call) {
  std::vector<MovementPhase> phases = gathering(call);
  std::ranges::reverse(phases);
  for (MovementPhase& phase : phases) {
    for (Delivery& delivery : phase.deliveries) {
      std::swap(delivery.from, delivery.to);
    }
  }
  return phases;
}

/// Reduce-scatter and all-gather of the core; extras give all they have first and get all last.
std::vector<MovementPhase> reducing(const CollectiveCall& call) {
  const Pairing pairs = pairing(static_cast<int>(call.members.size()));
  CollectiveCall core = call;
  core.members.resize(static_cast<std::size_t>(pairs.core));
  std::vector<MovementPhase> phases;
  std::vector<Delivery> fold;
  fold.reserve(static_cast<std::size_t>(pairs.extras()));
  for (int extra = 0; extra < pairs.extras(); ++extra) {
    fold.push_back({.from = pairs.core + extra, .to = extra, .bytes = call.bytes});
  }
  if (!fold.empty()) {
    phases.push_back(phase_of(call, fold));
  }
  for (MovementPhase& phase : scattering(core)) {
    phases.push_back(std::move(phase));
  }
  for (MovementPhase& phase : gathering(core)) {
    phases.push_back(std::move(phase));
  }
  for (Delivery& delivery : fold) {
    std::swap(delivery.from, delivery.to);
  }
  if (!fold.empty()) {
    phases.push_back(phase_of(call, fold));
  }
  return phases;
}

}  // namespace

Movement halving_doubling(const CollectiveCall& call) {
  Movement moved{.members = static_cast<int>(call.members.size()), .phases = {}};
  if (call.kind == Collective::kAllReduce) {
    moved.phases = reducing(call);
  } else if (call.kind == Collective::kAllGather) {
    moved.phases = gathering(call);
  } else {
    moved.phases = scattering(call);
  }
  return moved;
}

}  // namespace towtank
