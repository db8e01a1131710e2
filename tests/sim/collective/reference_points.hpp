// Measured points of public sources beside what the model says of them.
#pragma once

#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// One measured run and its prediction.
struct ComparedPoint {
  std::string what;  // "all-reduce, 96 GPUs on 12 nodes, 512 MiB: in-switch-tree simple"
  Seconds measured;
  Seconds predicted;

  double error() const { return predicted / measured - 1.0; }
};

struct PointGroup {
  std::string name;
  std::string target = {};  // which of the promised accuracies it belongs to; empty: none
  std::vector<ComparedPoint> points;
};

/// Whether the reference tables are at hand: $TOWTANK_REFERENCE, or shared/reference beside the
/// tree.
bool reference_is_there();

/// Every group, with the profiles of the tree. Deterministic.
std::vector<PointGroup> compared_points();

/// The absolute error that `share` of the points do not exceed.
double error_quantile(const std::vector<ComparedPoint>& points, double share);

/// The groups as a Markdown table: points, median and 90th percentile of the absolute error, mean
/// of the signed error, and the worst point.
std::string accuracy_table(const std::vector<PointGroup>& groups);

}  // namespace towtank
