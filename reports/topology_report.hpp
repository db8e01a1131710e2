// A cluster's network as data: what `towtank topology show` and `check` print and draw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

struct TopologyDevices {
  std::string kind = {};  // "leaf"
  std::int64_t count = 0;
  int most_ports = 0;  // cables at the device with most
};

/// Links of one speed between two kinds of device.
struct TopologyLinks {
  std::string from = {};
  std::string to = {};
  std::int64_t count = 0;
  int cables = 1;  // of one link
  Bandwidth bandwidth = {};
  Seconds latency = {};
  double health = 1.0;  // of the bandwidth; 0 has failed
};

struct TopologyTierRatio {
  std::string tier = {};
  std::optional<double> stated = {};
  double worst = 1.0;  // down over up
};

struct TopologyCost {
  Dollars switches = {};
  Dollars card_cables = {};
  Dollars switch_cables = {};
  Dollars total = {};
  Dollars per_endpoint = {};
  Dollars switch_price = {};  // of one switch, as of the cables
  Dollars card_cable_price = {};
  Dollars switch_cable_price = {};
  std::string source = {};
};

/// A device in the picture, in the row of its tier.
struct DrawnDevice {
  std::string name = {};
  int plane = -1;
  bool gap_after = false;  // devices between this and the next are not shown
};

/// A row of the picture. `shown` are some of the `count` devices.
struct DrawnTier {
  std::string kind = {};
  std::int64_t count = 0;
  std::vector<DrawnDevice> shown = {};
  std::string links_below = {};  // "2,048 x 50.0 GB/s"
};

/// Between devices that are shown, by row and place in the row; the second is in the row below.
struct DrawnLink {
  int tier = 0;
  int upper = 0;
  int lower = 0;
  double health = 1.0;
};

struct DrawnNode {
  std::string name = {};
  bool gap_after = false;
};

/// Switches that are not in tiers: on a circle, or at the points of a grid.
struct DrawnSwitches {
  std::vector<int> groups = {};  // of each switch that is shown: its colour
  std::vector<std::pair<int, int>> links = {};
  std::vector<int> grid = {};  // sizes; empty: circle
  std::string remark = {};     // what is left out
};

struct TopologyDrawing {
  std::vector<DrawnTier> tiers = {};  // from the top; the last are network cards of the nodes shown
  std::vector<DrawnLink> links = {};
  std::vector<DrawnNode> nodes = {};
  int gpus_per_node = 0;
  int nics_per_node = 0;
  int nvswitches_per_node = 0;
  int pcie_per_node = 0;
  std::optional<DrawnSwitches> switches = {};  // instead of tiers
};

/// Traffic over capacity of the busiest link, for each routing rule in the order of
/// `TopologyReport::rules`.
struct TopologyPattern {
  std::string name = {};
  std::vector<std::optional<double>> busiest = {};
  std::vector<std::string> links = {};
  std::vector<std::string> remarks = {};
};

struct TopologyClaimLine {
  bool holds = true;
  std::string text = {};
};

struct TopologyVerdict {
  std::vector<TopologyClaimLine> claims = {};
  std::vector<TopologyPattern> patterns = {};
  bool holds = true;
};

struct TopologyReport {
  std::string name = {};
  std::string kind = {};     // "rail-optimised"
  std::string node = {};     // "hgx"
  std::string routing = {};  // "ecmp"
  std::vector<std::string> rules = {};
  int nodes = 0;
  int gpus_per_node = 0;
  int radix = 0;
  int planes = 1;
  std::int64_t endpoints = 0;
  std::int64_t switches = 0;
  std::int64_t inter_switch_links = 0;
  std::vector<TopologyDevices> devices = {};
  std::vector<TopologyLinks> links = {};
  std::vector<TopologyTierRatio> ratios = {};
  Bandwidth bisection = {};
  double bisection_share = 0.0;  // of what half the cards can send
  bool bisection_exact = true;
  std::string bisection_method = {};
  int diameter = 0;
  double mean_hops = 0.0;
  bool hops_complete = true;
  std::optional<Seconds> farthest_latency = {};  // where the fabric states latencies
  std::optional<TopologyCost> cost = {};
  int faults = 0;
  TopologyDrawing drawing = {};
  std::optional<TopologyVerdict> verdict = {};  // of check
};

}  // namespace towtank
