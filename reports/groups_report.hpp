// How the ranks of a job are numbered and grouped, and what each kind of group moves, as data.
#pragma once

#include <cstdint>
#include <string>

#include "sim/base/units.hpp"

namespace towtank {

/// The two grids that the ranks of a job make up: of all parameters but the experts',
/// pipeline x data x context, and of the experts, pipeline x expert_data x expert. In both the last
/// counts fastest.
struct GridReport {
  int pipeline = 1;
  int data = 1;         // ranks of a pipeline stage that work on different sequences
  int context = 1;      // ranks that share a sequence
  int tensor = 1;       // ranks that share a layer's matrices
  int expert_data = 1;  // ranks of a pipeline stage that hold the same experts
  int expert = 1;       // ranks that share the experts of a layer
  int ranks_per_node = 1;

  int ranks() const { return pipeline * data * context * tensor; }
};

/// One kind of communication. Bytes are payload of one step, by the port through which they leave
/// their sender.
struct GroupReport {
  std::string name;           // "expert dispatch"
  std::int64_t groups = 0;    // in the job
  int ranks = 1;              // of each group
  int nodes = 1;              // that it is on
  double calls = 0.0;         // in which a rank sends something; mean of all ranks
  Bytes nvlink = {};          // that a rank sends; mean of all ranks
  Bytes nic = {};             // likewise
  Bytes largest_nvlink = {};  // that any rank sends
  Bytes largest_nic = {};     // likewise
  Bytes all_ranks = {};       // that all ranks send, over both
  std::string how = {};       // the collective's algorithm and protocol
};

}  // namespace towtank
