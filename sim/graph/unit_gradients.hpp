// When a stage's gradients are complete, and their reduction while chunks still run.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "sim/graph/chunk_writer.hpp"
#include "sim/graph/graph_writer.hpp"
#include "sim/graph/parameter_buckets.hpp"

namespace towtank {

class UnitGradients {
 public:
  explicit UnitGradients(GraphWriter& writer) : writer_(writer), job_(writer.job()) {}

  /// Begins a simulated rank's program.
  void start(int sim, const Program& program);

  /// A chunk has added all there is to the gradients of a unit (of the stage, in forward order).
  /// They are reduced where the plan reduces unit by unit, with the stage's last micro-batch or,
  /// where gradients are sharded, with each.
  void complete(const Chunk& chunk, int slot, int unit);

  /// The last kernel of a chunk that adds to its stage's gradients is written.
  void finish(const Chunk& chunk);

  GradientsReady take() { return std::move(ready_); }

 private:
  GraphWriter& writer_;
  const JobLayout& job_;
  int sim_ = 0;
  std::map<int, int> last_micro_batch_;  // by stage, in the rank's order
  GradientsReady ready_;
};

}  // namespace towtank
