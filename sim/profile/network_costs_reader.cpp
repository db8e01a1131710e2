#include "sim/profile/network_costs_reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/core.h>

namespace towtank {
namespace {

constexpr NumberRange kShare{.least = 0.001, .most = 1.0, .example = 0.8};

NetworkCost read_row(TomlTable& table, const std::vector<std::string>& sources) {
  NetworkCost cost{.start_up = table.time("start_up"),
                   .nic_start_up = table.time_or("nic_start_up", {}),
                   .nvlink_hop = table.time("nvlink_hop"),
                   .nic_hop = table.time("nic_hop"),
                   .nvlink = table.number("nvlink", kShare),
                   .nic = table.number("nic", kShare),
                   .error = table.number("error", {.least = 0.0, .most = 10.0, .example = 0.2}),
                   .source = table.text("source", "nccl")};
  if (table.sound("source") && std::ranges::find(sources, cost.source) == sources.end()) {
    table.mistake("source",
                  fmt::format("there is no source '{}'", cost.source),
                  fmt::format("add [sources.{}] with text and date", cost.source));
  }
  table.finish();
  return cost;
}

}  // namespace

NetworkCosts read_network_costs(TomlTable& file, const std::vector<std::string>& sources) {
  NetworkCosts costs;
  std::optional<TomlTable> network = file.optional_table("network");
  if (!network) {
    return costs;
  }
  for (const Pattern pattern : kPatterns) {
    std::optional<TomlTable> of_pattern = network->optional_table(name(pattern));
    for (const Protocol protocol : kProtocols) {
      std::optional<TomlTable> row;
      if (of_pattern) {
        row = of_pattern->optional_table(name(protocol));
      }
      if (row) {
        NetworkCost cost = read_row(*row, sources);
        cost.pattern = pattern;
        cost.protocol = protocol;
        costs.push_back(std::move(cost));
      }
    }
    if (of_pattern) {
      of_pattern->finish();
    }
  }
  network->finish();
  return costs;
}

}  // namespace towtank
