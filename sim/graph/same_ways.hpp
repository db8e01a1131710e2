// GPUs whose network traffic takes the same ways, so that the ways of an exchange need not be
// followed pair by pair.
#pragma once

#include <vector>

#include "sim/cluster/cluster.hpp"

namespace towtank {

/// A message leaves each switch by a rule. "Shortest" and D-mod-K look at the destination, so that
/// all cards of one leaf switch send over the same wires to any one card. Adaptive routing divides
/// the traffic over all shortest ways, so that all cards of one leaf switch are reached over the
/// same wires too. ECMP hashes both ends: every pair has a way of its own, and so it is where a GPU
/// has several cards, shares one or has PCIe links that are wires, and where something has failed.
class SameWays {
 public:
  /// The cluster has a fabric, and outlives this.
  explicit SameWays(const Cluster& cluster);

  /// GPUs of equal numbers send over the same wires, to each GPU, as long as both are on one rail.
  int sending(int gpu) const { return by_sender_ ? leaf(gpu) : gpu; }
  /// GPUs of equal numbers are reached over the same wires.
  int receiving(int gpu) const { return by_receiver_ ? leaf(gpu) : gpu; }
  bool alike_sending() const { return by_sender_; }
  bool alike_receiving() const { return by_receiver_; }

  /// Whether the network joins the cards of these places of nodes without help from NVLink.
  bool on_one_rail(int place, int other) const;

 private:
  int leaf(int gpu) const;

  const Cluster* cluster_;   // the caller's
  std::vector<int> leaves_;  // (GPUs)
  bool by_sender_ = false;
  bool by_receiver_ = false;
};

}  // namespace towtank
