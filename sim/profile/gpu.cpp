#include "sim/profile/gpu.hpp"

#include <algorithm>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

FlopRate stated_or(FlopRate peak, FlopRate wider) {
  return peak > FlopRate{} ? peak : wider;
}

FlopRate tensor_peak(const Gpu& gpu, Precision precision) {
  switch (precision) {
    case Precision::kFp8Block:
    case Precision::kFp8:
      return stated_or(gpu.fp8_peak, gpu.bf16_peak);
    case Precision::kInt8:  // twice the rate of BF16 on NVIDIA's tensor cores since Ampere
      return stated_or(gpu.fp8_peak, 2.0 * gpu.bf16_peak);
    case Precision::kFp4:
      return stated_or(gpu.fp4_peak, stated_or(gpu.fp8_peak, gpu.bf16_peak));
    case Precision::kFp32:
      return gpu.bf16_peak / 2.0;
    case Precision::kBf16:
    case Precision::kInt4Weights:
    case Precision::kFp4Weights:
      return gpu.bf16_peak;
  }
  return gpu.bf16_peak;
}

Seconds over_link(Bytes traffic, Bandwidth link, std::string_view claim) {
  if (traffic == Bytes{}) {
    return {};
  }
  check(link > Bandwidth{}, claim);
  return traffic / link;
}

/// NVLink and network card at once, as hierarchical algorithms use them.
Seconds link_time(const Op& op, const Gpu& gpu) {
  const Bytes network = network_traffic(op);
  const Bytes in_node = link_traffic(op) - network;
  return std::max(
      over_link(in_node, gpu.nvlink, "the GPU's NVLink bandwidth is stated for a collective in it"),
      over_link(network, gpu.nic, "the network card's bandwidth is stated for a collective on it"));
}

}  // namespace

Roofline roofline(const Op& op, const Gpu& gpu, int sms) {
  check(sms > 0 && sms <= gpu.sms, "a kernel has at least one and at most all of the GPU's SMs");
  const double share = static_cast<double>(sms) / gpu.sms;
  return {.compute = flops(op) / (tensor_peak(gpu, op.precision) * share),
          .memory = memory_traffic(op) / gpu.memory_bandwidth,
          .link = link_time(op, gpu)};
}

Seconds speed_of_light(const Op& op, const Gpu& gpu, int sms) {
  const Roofline sides = roofline(op, gpu, sms);
  return std::max({sides.compute, sides.memory, sides.link});
}

}  // namespace towtank
