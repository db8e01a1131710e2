#include "sim/collective/trees.hpp"

#include <algorithm>

namespace towtank {

Parents binary_tree(int nodes) {
  Parents parents(static_cast<std::size_t>(nodes), -1);
  for (int node = 1; node < nodes; ++node) {
    // A node's height is that of its lowest set bit; its parent is one higher, on the side that
    // exists.
    const int height = node & -node;
    const int above = (node ^ height) | (2 * height);
    parents[static_cast<std::size_t>(node)] = above < nodes ? above : node ^ height;
  }
  return parents;
}

std::vector<Parents> double_tree(int nodes) {
  const Parents first = binary_tree(nodes);
  Parents second(first.size(), -1);
  for (int node = 0; node < nodes; ++node) {
    // Mirrored or shifted by one: even nodes and odd ones change roles.
    const bool mirrored = nodes % 2 == 0;
    const int twin = mirrored ? nodes - 1 - node : (node + nodes - 1) % nodes;
    const int parent = first[static_cast<std::size_t>(twin)];
    if (parent >= 0) {
      second[static_cast<std::size_t>(node)] = mirrored ? nodes - 1 - parent : (parent + 1) % nodes;
    }
  }
  return {first, second};
}

int depth(const Parents& tree) {
  int deepest = 0;
  for (std::size_t node = 0; node < tree.size(); ++node) {
    int edges = 0;
    for (int above = tree[node]; above >= 0; above = tree[static_cast<std::size_t>(above)]) {
      ++edges;
    }
    deepest = std::max(deepest, edges);
  }
  return deepest;
}

}  // namespace towtank
