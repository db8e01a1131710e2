#include "sim/cluster/pcie.hpp"

#include <cmath>

#include "sim/base/error.hpp"

namespace towtank {

Bandwidth payload_bandwidth(const PcieSpec& pcie) {
  check(pcie.generation >= kOldestPcie && pcie.generation <= kNewestPcie && pcie.lanes > 0,
        "PCIe is of a known generation");
  constexpr double kPayload = 0.82;
  const double lane = std::ldexp(1.0, pcie.generation - kOldestPcie);  // GB/s of 8 GT/s a lane
  return lane * pcie.lanes * kPayload * (GB / second);
}

}  // namespace towtank
