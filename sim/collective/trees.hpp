// Trees over nodes 0 to n-1 whose inner nodes are few: one for a tree algorithm, two for the double
// binary tree.
#pragma once

#include <vector>

namespace towtank {

/// parent[i] of node i; -1 for the root.
using Parents = std::vector<int>;

/// Node 0 above the in-order binary tree of 1 to n-1, in which all odd nodes are leaves.
Parents binary_tree(int nodes);

/// The tree and its complement: a node with children in one is a leaf of the other (for an odd
/// number of nodes node 0 may have children in both). Sanders, Speck and Traeff, "Two-tree
/// algorithms for full bandwidth broadcast, reduction and scan", 2009.
std::vector<Parents> double_tree(int nodes);

/// Edges from the root to the node furthest from it.
int depth(const Parents& tree);

}  // namespace towtank
