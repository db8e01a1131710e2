// What NCCL's algorithms and DeepEP's kernels cost on one GPU model beyond the bytes they move:
// start-up, hops, and the share of each port that the protocol turns into payload.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// What data do, for all algorithms that cost alike.
enum class Pattern {
  kRing,          // rings, and steps of pairs
  kTree,          // trees of nodes, chains inside them
  kInSwitch,      // reduction in the NVSwitch (NVLS), one node
  kInSwitchTree,  // the same, and a tree or switches between the nodes
  kPairs,         // all-to-all
  kLowLatencyDispatch,
  kLowLatencyCombine,
};
inline constexpr std::array kPatterns = {Pattern::kRing,
                                         Pattern::kTree,
                                         Pattern::kInSwitch,
                                         Pattern::kInSwitchTree,
                                         Pattern::kPairs,
                                         Pattern::kLowLatencyDispatch,
                                         Pattern::kLowLatencyCombine};

/// NCCL's protocols: LL sends a flag with every 4 bytes, LL128 with every 120; Simple sends whole
/// chunks and then says so.
enum class Protocol { kLl, kLl128, kSimple };
inline constexpr std::array kProtocols = {Protocol::kLl, Protocol::kLl128, Protocol::kSimple};

/// "ring", "in-switch-tree", "low-latency-dispatch", ...
std::string_view name(Pattern pattern);
/// "ll", "ll128", "simple"
std::string_view name(Protocol protocol);

/// The cost of one pattern under one protocol.
struct NetworkCost {
  Pattern pattern = Pattern::kRing;
  Protocol protocol = Protocol::kSimple;
  Seconds start_up = {};      // launch and first handshake
  Seconds nic_start_up = {};  // in addition when the network is crossed
  Seconds nvlink_hop = {};    // a chunk over one more NVLink
  Seconds nic_hop = {};       // over one more network link, cables and switches included
  double nvlink = 1.0;        // payload per raw bandwidth of the port
  double nic = 1.0;           // likewise
  double error = 0.0;         // relative, at 90%
  std::string source = {};    // key of Profile::sources
};

/// The rows of a profile; at most one for each pattern and protocol.
using NetworkCosts = std::vector<NetworkCost>;

/// The row, or null.
const NetworkCost* find_cost(const NetworkCosts& costs, Pattern pattern, Protocol protocol);

}  // namespace towtank
