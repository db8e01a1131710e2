// Work spread over processes, so that a crash or a hang of one piece is its own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// What became of one piece of work.
struct WorkResult {
  std::string text;     // what the work returned, without line ends
  std::string failure;  // why there is none: an exception's message, a signal, the time limit
};

struct WorkerPool {
  int processes = 1;
  Seconds limit = 60.0 * second;  // of one piece
};

/// Does pieces 0 to `pieces` - 1 in forked processes, which share what the caller had in memory,
/// and calls `done` in the caller for each as it ends, in no certain order. The caller must have
/// one thread. EnvironmentError when no process can be started.
void work_in_processes(const WorkerPool& pool,
                       std::size_t pieces,
                       const std::function<std::string(std::size_t)>& work,
                       const std::function<void(std::size_t, const WorkResult&)>& done);

}  // namespace towtank
