// Parameters that are gathered while chunks run: before every use where they are sharded (ZeRO-3),
// or once a step, beside the first forward pass.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "sim/graph/graph_writer.hpp"
#include "sim/graph/parameter_buckets.hpp"

namespace towtank {

class UnitParameters {
 public:
  explicit UnitParameters(GraphWriter& writer) : writer_(writer), job_(writer.job()) {}

  /// Begins a simulated rank's program.
  void start(int sim);

  /// A unit that is about to be computed.
  struct Use {
    int sim = 0;
    int slot = 0;
    int stage = 0;
    int unit = 0;                  // of the stage, in forward order
    std::optional<Vertex> before;  // the last thing that its chunk did
    bool forward = true;
  };

  /// What the unit must wait for. Where parameters are sharded, the next unit's are gathered beside
  /// this one, no earlier (FSDP keeps two units gathered, arXiv 2304.11277, section 3.3).
  std::vector<Vertex> need(const Use& use);

 private:
  std::vector<Vertex> gather(const Use& use, int unit, std::optional<Vertex> after);

  GraphWriter& writer_;
  const JobLayout& job_;
  std::map<bool, std::vector<Vertex>> ahead_;  // of the next unit of a forward or backward chunk
  std::map<int, std::vector<std::vector<Vertex>>> of_stage_;  // gathered once: by stage, unit
  std::map<int, std::size_t> used_;                           // by stage: units that were used
  std::map<int, std::vector<StageParameters>> parameters_;    // by stage: of its units
};

}  // namespace towtank
