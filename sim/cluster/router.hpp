// Which links traffic between two GPUs crosses, and how much of it each carries.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/cluster/fabric.hpp"

namespace towtank {

/// One direction of a link, and the share of the traffic that crosses it: below 1 only where the
/// traffic spreads evenly over several cards, NVLink switches or, with adaptive routing, paths.
struct Crossing {
  LinkId link = 0;
  double share = 1.0;

  friend bool operator==(const Crossing&, const Crossing&) = default;
};

class NextHops;
class SwitchPaths;

/// Finds routes by the fabric's own rule, or by another. In trees a route costs well under a
/// microsecond of arithmetic; in other networks distances to a switch are found when it is first a
/// destination, and kept. Failed links are avoided. The fabric must outlive the router. Not for
/// several threads at once.
class Router {
 public:
  explicit Router(const Fabric& fabric);
  Router(const Fabric& fabric, RoutingRule rule);
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// Appends the crossings from one GPU to another, in the order of the way; nothing when they are
  /// the same. Over NVLink both are in one node. Over the network: GPU, PCIe switch, card,
  /// switches, card, PCIe switch, GPU, and NVLink where rails or planes must be changed. Throws
  /// InputError naming both when failures leave no way.
  void route(int from_gpu, int to_gpu, Medium medium, std::vector<Crossing>& crossings) const;

  /// Appends the crossings of only the network, from one card to another (indices over all nodes),
  /// carrying `share`: the card's uplink, switches, the other's downlink.
  void cross_network(int from_card,
                     int to_card,
                     double share,
                     std::vector<Crossing>& crossings) const;

 private:
  struct Way;
  bool nvlink(int from, int to, double share, std::vector<Crossing>& crossings) const;
  bool over_cards(int from, int to, int k, double share, std::vector<Crossing>& crossings) const;
  bool card_to_card(const Way& way, double share, std::vector<Crossing>& crossings) const;
  bool walk(int from_card, int to_card, double share, std::vector<Crossing>& crossings) const;
  int choose(const NextHops& hops, int from, int to, int hop) const;
  bool alive(LinkId link) const;

  const Fabric* fabric_;
  RoutingRule rule_;
  std::unique_ptr<SwitchPaths> paths_;
};

/// Latency of a route: of the links, and of the leaf, spine and core switches between them; of
/// spread traffic, the mean over its ways.
Seconds route_latency(const Fabric& fabric, std::span<const Crossing> crossings);

}  // namespace towtank
