// The PCIe of a host: what a link carries.
#pragma once

#include "sim/base/units.hpp"

namespace towtank {

/// How the GPUs and cards of a node hang on PCIe: every switch has links of this kind to its GPUs,
/// to their cards and to the host.
struct PcieSpec {
  int generation = 5;
  int lanes = 16;
  int gpus_per_switch = 0;  // 0: as many as the kind of node has, 1 where it has none
};
inline constexpr int kOldestPcie = 3;
inline constexpr int kNewestPcie = 5;

/// Payload in each direction: 8, 16 and 32 GT/s a lane of generations 3 to 5, times 0.82 for
/// encoding, headers and flow control. The share is measured on 16 lanes: 26.3 GB/s of generation
/// 4's 32 from the host to an A100, 51 and 52 GB/s of generation 5's 64 between host and H100 or
/// H200 (Azure/AI-benchmarking-guide). Other widths and generation 3 are derived from these two.
Bandwidth payload_bandwidth(const PcieSpec& pcie);

}  // namespace towtank
