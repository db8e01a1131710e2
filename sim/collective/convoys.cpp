#include "sim/collective/convoys.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

/// Two amounts nearer than this, relatively, differ by rounding.
constexpr double kRounding = 1e-9;

/// Euclid's algorithm on amounts that are multiples of one part but for rounding.
double common_part(double a, double b) {
  const double negligible = std::max(a, b) * kRounding;
  while (b > negligible) {
    const double rest = std::fmod(a, b);
    a = b;
    b = b - rest <= negligible ? 0.0 : rest;
  }
  return a;
}

/// Cuts the deliveries of one convoy into equal parts.
Convoy cut(Medium medium, const std::vector<const Delivery*>& deliveries) {
  double part = 0.0;
  double most = 0.0;
  for (const Delivery* delivery : deliveries) {
    part = part == 0.0 ? delivery->bytes.si() : common_part(delivery->bytes.si(), part);
    most = std::max(most, delivery->bytes.si());
  }
  part = most / std::round(most / part);
  Convoy convoy{.medium = medium, .part = Bytes(part), .legs = {}};
  convoy.legs.reserve(deliveries.size());
  for (const Delivery* delivery : deliveries) {
    const double parts = std::round(delivery->bytes.si() / part);
    check(
        std::abs(parts * part - delivery->bytes.si()) < 1e-6 * delivery->bytes.si() && parts < 1e9,
        "what the links of a convoy carry are multiples of one part");
    convoy.legs.push_back(
        {.from = delivery->from, .to = delivery->to, .parts = static_cast<int>(parts)});
  }
  return convoy;
}

}  // namespace

std::vector<Convoy> convoys(const MovementPhase& phase) {
  std::map<std::pair<int, Medium>, std::vector<const Delivery*>> together;
  for (const Delivery& delivery : phase.deliveries) {
    if (delivery.convoy != kByItself) {
      together[{delivery.convoy, delivery.medium}].push_back(&delivery);
    }
  }
  std::vector<Convoy> result;
  result.reserve(together.size());
  for (const auto& [what, deliveries] : together) {
    result.push_back(cut(what.second, deliveries));
  }
  return result;
}

std::vector<MemberParts> parts_of_members(const Convoy& convoy) {
  std::map<int, MemberParts> of_member;
  for (const Convoy::Leg& leg : convoy.legs) {
    if (leg.from >= 0) {
      of_member[leg.from].sent += leg.parts;
    }
    if (leg.to >= 0) {
      of_member[leg.to].received += leg.parts;
    }
  }
  std::vector<MemberParts> result;
  result.reserve(of_member.size());
  for (const auto& [member, parts] : of_member) {
    result.push_back({.member = member, .sent = parts.sent, .received = parts.received});
  }
  return result;
}

ConvoyParts parts_of_members(const Convoy& convoy, std::size_t members) {
  ConvoyParts all{.sent = std::vector<int>(members), .received = std::vector<int>(members)};
  for (const MemberParts& parts : parts_of_members(convoy)) {
    all.sent[static_cast<std::size_t>(parts.member)] = parts.sent;
    all.received[static_cast<std::size_t>(parts.member)] = parts.received;
  }
  return all;
}

}  // namespace towtank
