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

/// One way of a GPU's traffic out of its node and into another: by which cards (indices over all
/// nodes), and at which GPUs these are. Where a GPU at a card is not an end of the traffic, NVLink
/// leads to it or from it. The same GPU at both cards: the traffic leaves its node by NVLink only.
struct CardWay {
  int from_gpu = 0;
  int from_card = 0;
  int to_gpu = 0;
  int to_card = 0;
  double share = 1.0;  // of the traffic
};

class NextHops;
class SwitchPaths;
struct Destination;

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

  /// The cards that traffic over the network from one GPU to another uses. It is spread evenly over
  /// the sender's cards, as NCCL spreads its channels, each to the receiver's card of its number;
  /// where the network does not join these, rails are changed as the fabric says (at the other end,
  /// where that GPU is not in use). Cards whose way
  /// has failed are left out. When none is left, the traffic is spread evenly over the sound cards
  /// of the other GPUs of the node whose own cannot be used: the receiver's, or the sender's, or
  /// both, as NCCL spreads that of a GPU without a near card. Nothing when there is no way at all.
  std::vector<CardWay> card_ways(int from_gpu, int to_gpu) const;

  /// Appends the crossings of only the network, from one card to another (indices over all nodes),
  /// carrying `share`: the card's uplink, switches, the other's downlink.
  void cross_network(int from_card,
                     int to_card,
                     double share,
                     std::vector<Crossing>& crossings) const;

  /// Appends both directions of the links of a tree of switches that joins the switches of these
  /// cards: those that the routing takes to the first card, by its own number alone, so that where
  /// ways meet they go on as one. Trees of different first cards spread as its traffic does;
  /// adaptive routing takes for each what D-mod-K prefers. Throws InputError naming two cards when
  /// failures leave no way.
  void adding_tree(std::span<const int> cards, std::vector<LinkId>& links) const;

 private:
  bool nvlink(int from, int to, double share, std::vector<Crossing>& crossings) const;
  CardWay kth_way(int from, int to, int k) const;
  std::vector<CardWay> detours(int from, int to) const;
  std::vector<CardWay> detours_from(int sender, int from, int to) const;
  void keep_sound(int from, int to, std::vector<CardWay>& ways) const;
  bool card_is_sound(int gpu, int card) const;
  void follow(int from, const CardWay& way, int to, std::vector<Crossing>& crossings) const;
  bool walk(int from_card, int to_card, double share, std::vector<Crossing>& crossings) const;
  int choose(const NextHops& hops, int from, int to, int hop) const;
  bool alive(LinkId link) const;
  Destination destination(int card) const;
  LinkId uplink(int card) const;

  const Fabric* fabric_;
  RoutingRule rule_;
  bool network_fails_ = false;  // some link between switches does not work
  std::unique_ptr<SwitchPaths> paths_;
};

/// Latency of a route: of the links, and of the leaf, spine and core switches between them; of
/// spread traffic, the mean over its ways.
Seconds route_latency(const Fabric& fabric, std::span<const Crossing> crossings);

}  // namespace towtank
