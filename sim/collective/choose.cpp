#include "sim/collective/choose.hpp"

#include <utility>
#include <vector>

namespace towtank {
namespace {

/// What NCCL would consider for a call, whether or not it can run it.
std::vector<Algorithm> candidates(const CollectiveCall& call, const Wishes& wishes) {
  if (wishes.algorithm) {
    return {*wishes.algorithm};
  }
  if (call.kind == Collective::kAllToAll || call.kind == Collective::kSendRecv) {
    return {Algorithm::kDirect};
  }
  std::vector<Algorithm> considered = {Algorithm::kRing};
  if (call.kind == Collective::kAllReduce) {
    if (by_node(call.members).size() > 1) {
      considered.push_back(Algorithm::kDoubleTree);
    }
    if (wishes.in_switch && call.members.size() > 2) {
      considered.push_back(Algorithm::kInSwitch);
      considered.push_back(Algorithm::kInSwitchTree);
    }
    if (wishes.in_network && wishes.in_switch) {
      considered.push_back(Algorithm::kInNetwork);
    }
  }
  return considered;
}

/// The rows of the profile that an algorithm may run with.
std::vector<NetworkCost> rows(Algorithm algorithm,
                              const CollectiveCall& call,
                              const Profile& profile,
                              const Wishes& wishes) {
  if (call.kind == Collective::kSendRecv) {
    if (wishes.protocol.value_or(Protocol::kSimple) != Protocol::kSimple) {
      return {};
    }
    const bool crosses = by_node(call.members).size() > 1;
    return {link_cost(profile, TransferKind::kPointToPoint, crosses)};
  }
  std::vector<NetworkCost> found;
  for (const Protocol protocol : kProtocols) {
    const NetworkCost* cost =
        find_cost(profile.network, pattern_of(algorithm, call.kind), protocol);
    if (cost != nullptr && (!wishes.protocol || *wishes.protocol == protocol)) {
      found.push_back(*cost);
    }
  }
  return found;
}

/// Why neither the call nor the wishes let the algorithm run; empty when they do.
std::string refusal(Algorithm algorithm, const CollectiveCall& call, const Wishes& wishes) {
  const bool adds = algorithm == Algorithm::kInSwitch || algorithm == Algorithm::kInSwitchTree ||
                    algorithm == Algorithm::kInNetwork;
  if (adds && !wishes.in_switch) {
    return std::string(name(algorithm)) + " needs the in-switch reduction that is switched off";
  }
  return why_not(algorithm, call);
}

std::string no_costs(Algorithm algorithm, const Profile& profile, const Wishes& wishes) {
  std::string text =
      "the profile of " + profile.gpu.name + " has no costs of " + std::string(name(algorithm));
  if (wishes.protocol) {
    text += " with protocol " + std::string(name(*wishes.protocol));
  }
  return text;
}

}  // namespace

Pattern pattern_of(Algorithm algorithm, Collective kind) {
  switch (algorithm) {
    case Algorithm::kTree:
    case Algorithm::kDoubleTree:
      return Pattern::kTree;
    case Algorithm::kInSwitch:
      return Pattern::kInSwitch;
    case Algorithm::kInSwitchTree:
    case Algorithm::kInNetwork:
      return Pattern::kInSwitchTree;
    case Algorithm::kDirect:
      return Pattern::kPairs;
    case Algorithm::kHierarchical:
      return kind == Collective::kAllToAll ? Pattern::kPairs : Pattern::kRing;
    case Algorithm::kRing:
    case Algorithm::kHalvingDoubling:
      break;
  }
  return Pattern::kRing;
}

Chosen choose(const CollectiveCall& call,
              const Profile& profile,
              const PortSpeeds& speeds,
              const Wishes& wishes) {
  Chosen chosen;
  for (const Algorithm algorithm : candidates(call, wishes)) {
    const std::string reason = refusal(algorithm, call, wishes);
    const std::vector<NetworkCost> known = rows(algorithm, call, profile, wishes);
    if (!reason.empty() || known.empty()) {
      if (chosen.why_not.empty()) {
        chosen.why_not = reason.empty() ? no_costs(algorithm, profile, wishes) : reason;
      }
      continue;
    }
    const Movement moved = movement(algorithm, call);
    for (const NetworkCost& cost : known) {
      Timing timing = alone(moved, call.members, cost, speeds);
      if (!chosen.choice || timing.total() < chosen.choice->timing.total()) {
        chosen.choice = Choice{.algorithm = algorithm,
                               .protocol = cost.protocol,
                               .movement = moved,
                               .cost = cost,
                               .timing = std::move(timing)};
      }
    }
  }
  if (chosen.choice) {
    chosen.why_not.clear();
  }
  return chosen;
}

}  // namespace towtank
