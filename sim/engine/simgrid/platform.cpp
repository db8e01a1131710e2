#include "sim/engine/simgrid/platform.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

namespace sg = simgrid::s4u;

/// Actors never compute on a host, they sleep: its speed is of no account.
sg::Host* create_host(sg::NetZone& zone, const std::string& label) {
  return zone.create_host(label, 1.0)->seal();
}

std::vector<sg::Host*> create_hosts(sg::NetZone& zone,
                                    const std::string& label,
                                    std::size_t count) {
  std::vector<sg::Host*> hosts;
  hosts.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    hosts.push_back(create_host(zone, label + std::to_string(i)));
  }
  return hosts;
}

/// Every distinct way of the graph's flows, without a route yet.
std::map<std::vector<Hop>, Route> ways(const OpGraph& graph) {
  std::map<std::vector<Hop>, Route> result;
  for (const Traffic& traffic : graph.traffics) {
    for (const Flow& flow : traffic.flows) {
      check(!flow.hops.empty(), "a flow fills some wire");
      result.try_emplace(flow.hops);
    }
  }
  return result;
}

/// For each wire the number that divides all its shares: the wire's bandwidth over it, and as many
/// times fewer shares, are the same.
std::vector<int> common_shares(const OpGraph& graph,
                               const std::map<std::vector<Hop>, Route>& routes) {
  std::vector<int> shares(graph.wires.size(), 0);
  for (const auto& [hops, route] : routes) {
    for (const Hop& hop : hops) {
      int& common = shares.at(static_cast<std::size_t>(hop.wire));
      common = std::gcd(common, hop.times);
    }
  }
  return shares;
}

}  // namespace

Platform::Platform(const OpGraph& graph) : routes_(ways(graph)) {
  sg::NetZone& zone = *sg::create_full_zone("wires");
  home_ = create_host(zone, "home");
  const std::vector<int> common = common_shares(graph, routes_);
  std::vector<sg::Link*> links(graph.wires.size(), nullptr);
  for (std::size_t wire = 0; wire < links.size(); ++wire) {
    if (common[wire] > 0) {
      links[wire] = zone.create_link("wire-" + std::to_string(wire),
                                     graph.wires[wire].capacity.si() / common[wire])
                        ->seal();
    }
  }
  // SimGrid knows one route from host to host, and a table of all pairs of hosts: a square of
  // senders and receivers has the fewest hosts.
  const auto side =
      static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(routes_.size()))));
  const std::vector<sg::Host*> senders = create_hosts(zone, "from-", side);
  const std::vector<sg::Host*> receivers = create_hosts(zone, "to-", side);
  std::size_t number = 0;
  for (auto& [hops, route] : routes_) {
    route = {.from = senders[number / side], .to = receivers[number % side]};
    ++number;
    std::vector<sg::LinkInRoute> path;
    for (const Hop& hop : hops) {
      const auto wire = static_cast<std::size_t>(hop.wire);
      path.insert(path.end(),
                  static_cast<std::size_t>(hop.times / common[wire]),
                  sg::LinkInRoute(links[wire]));
    }
    zone.add_route(
        route.from->get_netpoint(), route.to->get_netpoint(), nullptr, nullptr, path, false);
  }
  zone.seal();
}

}  // namespace towtank
