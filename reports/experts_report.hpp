// How the experts of a model load the ranks that hold them: what `towtank experts` shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// The least, the mean and the greatest of what the ranks send in one dispatch.
struct SentReport {
  Bytes least;
  Bytes mean;
  Bytes most;
};

/// One way to lay the experts out.
struct ExpertLayoutReport {
  std::string placement = {};           // "static", "hierarchical", "global"
  bool in_force = false;                // what the scenario asks for
  std::vector<double> rank_loads = {};  // (ranks) expected token copies over the mean of the ranks
  std::vector<double> node_loads = {};  // (nodes) over the mean of the nodes
  double rank_peak = 1.0;               // greatest of rank_loads
  double node_peak = 1.0;               // greatest of node_loads
  double drawn_peak = 1.0;              // mean of the busiest rank of drawn micro-batches, likewise
  double drawn_error = 0.0;             // standard error of that
  double nodes_per_token = 0.0;         // distinct ones that a token visits
  double ranks_per_token = 0.0;
  std::size_t most_replicas = 1;  // slots of the most replicated expert
  double busiest_rows = 0.0;      // rows of the busiest rank's grouped GEMMs, a micro-batch
  SentReport nic = {};            // bytes each rank sends to other nodes in a dispatch
  SentReport nic_received = {};
  SentReport nvlink = {};  // and inside its node, forwarding included
};

struct ExpertsReport {
  std::string title;
  std::string scenario;
  std::int64_t experts = 0;
  std::int64_t top_k = 0;
  std::int64_t groups = 1;
  std::int64_t groups_per_token = 1;
  std::string load = {};     // "Zipf 0.8, seed 1"
  double expert_peak = 1.0;  // load of the busiest expert over the mean
  int nodes = 1;
  int ranks_per_node = 1;
  std::vector<int> uneven_nodes = {};  // ranks on each node, where they differ; else empty
  /// Of the groups that sit on their nodes in another way than the one shown: each way once.
  std::vector<std::vector<int>> other_groups = {};
  std::int64_t slots_per_rank = 0;
  std::int64_t redundant = 0;
  std::int64_t tokens_per_rank = 0;  // of a micro-batch
  Bytes copy = {};                   // of a dispatched token
  int drawn_micro_batches = 0;
  std::vector<ExpertLayoutReport> layouts = {};  // in order first, then balanced by load
};

}  // namespace towtank
