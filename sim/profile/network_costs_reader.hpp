// The table [network] of a profile file.
#pragma once

#include <string>
#include <vector>

#include "sim/profile/network_costs.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads the optional table, one row for each pattern and protocol:
///
///   [network]
///   ring.ll = { start_up = "5 us", nvlink_hop = "0.8 us", nic_hop = "2.7 us", nvlink = 0.27,
///               nic = 0.48, error = 0.2, source = "nccl" }
///
/// in one line; nic_start_up is optional. `sources` are the keys that a row's source may name.
NetworkCosts read_network_costs(TomlTable& file, const std::vector<std::string>& sources);

}  // namespace towtank
