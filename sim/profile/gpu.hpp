// One GPU's datasheet, and the least time it allows.
#pragma once

#include <string>

#include "sim/base/units.hpp"
#include "sim/model/op.hpp"

namespace towtank {

/// One GPU as its datasheet describes it. Peaks are dense.
struct Gpu {
  std::string name;  // the profile's name: "h800-sxm"
  int sms = 0;
  FlopRate bf16_peak;
  FlopRate fp8_peak;  // zero: its tensor cores have no such format
  FlopRate fp4_peak{};
  Bandwidth memory_bandwidth;
  Bytes memory;
  Bandwidth nvlink{};  // of all links together, one direction; zero: not stated
  Bandwidth nic{};     // of the network card a GPU has in the servers it was measured in, one
                       // direction; zero: not stated
};

/// The roofline's sides: least times of the tensor cores, the memory and the links. A kernel that
/// overlaps them perfectly takes the longest.
struct Roofline {
  Seconds compute;
  Seconds memory;
  Seconds link;
};

/// FLOP over peak (for `sms` of the GPU's SMs), bytes over memory bandwidth and over that of the
/// links (both of which a few SMs suffice to fill). FP32 products run as TF32 on the tensor cores,
/// at half of the BF16 peak; a format that the tensor cores do not have at the next wider one's.
/// check() fails for traffic over a link whose bandwidth `gpu` does not state.
Roofline roofline(const Op& op, const Gpu& gpu, int sms);

/// Least time the datasheet allows: the longest side of the roofline.
Seconds speed_of_light(const Op& op, const Gpu& gpu, int sms);

}  // namespace towtank
