// Fat trees over which adaptive routing spreads all traffic evenly: the cables between a subtree
// and what is above it are equally full at all times, and so one wire in each direction.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "sim/cluster/fabric.hpp"
#include "sim/graph/wire_keys.hpp"

namespace towtank {

/// The cables from a subtree upwards, together.
struct TreeBundle {
  WireKey key = 0;   // even; that of the direction down is one more
  std::string tier;  // that they lead up from: "leaf", "spine" or "core"
  Bandwidth capacity;
  int cables = 1;
};

class TreeBundles {
 public:
  /// `card` is as fast as cables whose speed the fabric does not give. The fabric outlives this.
  TreeBundles(const Fabric& fabric, Bandwidth card);

  /// The tree of a card where it is even; null where the network is no tree, or routes or failures
  /// prefer some of its links.
  const Tree* even_tree(int card) const;

  /// Of the switches of a tier above the same slots; the worst cable bounds all.
  TreeBundle bundle(const Tree& tree, std::size_t tier, std::int64_t subtree) const;

 private:
  void note_slow_cables();

  const Fabric& fabric_;
  Bandwidth cable_;
  std::map<WireKey, double> worst_cable_;  // by key: of a bundle, the worst one's health
};

}  // namespace towtank
