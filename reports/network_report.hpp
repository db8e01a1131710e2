// Collectives of a cluster as data: what `towtank network` prints.
#pragma once

#include <string>
#include <vector>

#include "sim/base/units.hpp"

namespace towtank {

/// One call, measured as nccl-tests measures it.
struct NetworkRow {
  Bytes bytes;
  Seconds time;
  double error = 0.0;  // of the time, relative, at 90%
  Bandwidth algorithm_bandwidth;
  Bandwidth bus_bandwidth;
  std::string algorithm;
  std::string protocol;
  std::string limit;  // "NVLink", "NIC" or "latency": what most of the time goes to
};

struct NetworkTable {
  std::string collective;
  std::vector<NetworkRow> rows;
};

struct NetworkReport {
  std::string cluster;
  std::string gpu;
  int ranks = 0;
  int nodes = 0;
  std::vector<NetworkTable> tables;
  std::vector<std::string> sources;  // of the costs used, for people, each once
};

}  // namespace towtank
