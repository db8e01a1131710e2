// Kernel times from a PyTorch trace (torch.profiler, Kineto): what each kernel computed is found by
// the kernel map, and what remains is accounted for, so that nobody takes a part for the whole.
//
// Record with record_shapes=True, or few sizes are known. Mind what a trace is: kernels that ran
// beside others are slower than alone, and a collective's kernel also waits for its slowest rank,
// so of a collective the shortest time counts, of all else the median.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/profile/sample.hpp"
#include "sim/profile/tables/kernel_map.hpp"

namespace towtank {

/// All kernels of one name that gave no sample.
struct KernelTime {
  std::string name;
  std::size_t kernels = 0;
  Seconds time;
  std::string why;  // of the first of them; empty: no entry of the map is for them
};

/// What a trace holds. Every kernel counts once: total = mapped + shapeless + unmapped.
struct KinetoReading {
  SampleTable table;  // one sample for each op and library
  std::size_t events = 0;
  std::size_t kernels = 0;
  Seconds total;
  Seconds mapped;  // of kernels that gave samples
  std::vector<KernelTime>
      shapeless;                     // the map knows the op, nothing tells its sizes; longest first
  std::vector<KernelTime> unmapped;  // longest first
};
Seconds total(const std::vector<KernelTime>& times);

/// Whether a file that starts like this is a trace.
bool looks_like_kineto(std::string_view first_bytes);

/// Reads a trace. The kernels that one operator call launched for one op are one measurement, at
/// the sum of their times; a call that launched several where the map expects one tells nothing.
/// The sample's line is that of its first kernel. InputError, with line, when the text is no trace,
/// and when it holds no kernel.
KinetoReading read_kineto(std::string_view text, const std::string& file, const KernelMap& map);

}  // namespace towtank
