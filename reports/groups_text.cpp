#include "reports/groups_text.hpp"

#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

Lines grid_lines(const GridReport& grid) {
  const std::string ranks = format_count(grid.ranks());
  return aligned({{"dense grid",
                   fmt::format("PP {} x DP {} x CP {} x TP {} = {}, the last counting fastest; {} "
                               "ranks a node",
                               grid.pipeline,
                               format_count(grid.data),
                               grid.context,
                               grid.tensor,
                               ranks,
                               grid.ranks_per_node)},
                  {"expert grid",
                   fmt::format("PP {} x EDP {} x EP {} = {}, likewise",
                               grid.pipeline,
                               format_count(grid.expert_data),
                               grid.expert,
                               ranks)}},
                 "ll");
}

std::string bytes_or_dash(Bytes bytes) {
  return bytes > Bytes{} ? traffic_text(bytes) : "-";
}

}  // namespace

Lines groups_block(const TrainingReport& report, Colour colour) {
  Lines lines = {heading("Ranks, and what one of them sends in a step (payload, mean)", colour)};
  const Lines grids = grid_lines(report.grid);
  lines.insert(lines.end(), grids.begin(), grids.end());
  if (report.groups.empty()) {
    return lines;
  }
  std::vector<Cells> rows = {
      {"", "groups", "ranks", "nodes", "over NVLink", "over NIC", "all ranks", "how"}};
  GroupReport sum;
  for (const GroupReport& group : report.groups) {
    rows.push_back({group.name,
                    format_count(static_cast<double>(group.groups)),
                    format_count(group.ranks),
                    format_count(group.nodes),
                    bytes_or_dash(group.nvlink),
                    bytes_or_dash(group.nic),
                    traffic_text(group.all_ranks),
                    group.how});
    sum.nvlink += group.nvlink;
    sum.nic += group.nic;
    sum.all_ranks += group.all_ranks;
  }
  rows.push_back({"all of it",
                  "",
                  "",
                  "",
                  bytes_or_dash(sum.nvlink),
                  bytes_or_dash(sum.nic),
                  traffic_text(sum.all_ranks),
                  ""});
  const Lines table = aligned(rows, "lrrrrrrl");
  lines.insert(lines.end(), table.begin(), table.end());
  return lines;
}

}  // namespace towtank
