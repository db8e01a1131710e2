// Collectives of a cluster as data: what `towtank network` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// What the event simulation of a call found.
struct NetworkSimulation {
  std::string wire = {};         // the busiest: "NIC out", "leaf up", ...
  int gpu = -1;                  // whose port it is; -1: of the fabric
  std::int64_t alike = 1;        // ports or wires as busy
  double busy = 0.0;             // share of its capacity, over the whole time
  Seconds latency = {};          // of the time: what is no transfer
  std::optional<Seconds> alone;  // one group alone on an idle network of sound links
  std::int64_t gpus = 0;         // that took part
  std::int64_t classes = 0;      // of them that were simulated
  std::int64_t flows = 0;        // likewise
  double grain = 0.0;            // above 0: of the time, after which rates are adapted
};

/// One call, measured as nccl-tests measures it.
struct NetworkRow {
  Bytes bytes;
  Seconds time;
  double error = 0.0;  // of the time, relative, at 90%
  Bandwidth algorithm_bandwidth;
  Bandwidth bus_bandwidth;
  std::string algorithm;
  std::string protocol;
  std::string limit;  // what most of the time goes to: "NVLink", "NIC", "latency", or a wire
  std::optional<NetworkSimulation> simulation = {};  // none: by the closed form
};

struct NetworkTable {
  std::string collective;
  std::vector<NetworkRow> rows;
};

struct NetworkReport {
  std::string cluster;
  std::string gpu;
  int groups = 1;
  int ranks = 0;   // of each group
  int stride = 1;  // between the GPUs of a group
  int nodes = 0;   // with GPUs of any group
  std::vector<NetworkTable> tables;
  std::vector<std::string> sources;     // of the costs used, for people, each once
  Bytes host_copy = {};                 // of every GPU to its host's memory meanwhile, and back
  std::vector<std::string> notes = {};  // what was asked for and has no effect
};

/// An all-to-all with a size of its own for every pair.
struct PairsReport {
  std::string cluster;
  std::string gpu;
  int ranks = 0;
  int nodes = 0;
  std::string file;        // the matrix
  std::int64_t pairs = 0;  // that send something
  Bytes bytes;             // of all of them
  Seconds time;
  double error = 0.0;
  std::string protocol;
  std::string limit;
  NetworkSimulation simulation;
  std::string fullest_port;  // "NIC in of GPU 17", "card in" where GPUs share cards
  Bytes fullest_bytes;       // payload through it, others' that the GPU passes on included
  Seconds bound;             // that port and the latency: faster switches do not help
  std::vector<std::string> sources;
  std::vector<std::string> notes = {};  // what was asked for and has no effect
};

}  // namespace towtank
