#include "reports/experts_text.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr std::size_t kRanksOfLine = 8;
constexpr std::size_t kGap = 6;  // between layouts beside each other

std::string times_mean(double load) {
  return fmt::format("{:.2f}x", load);
}

std::string plural(std::int64_t count, std::string_view word) {
  return fmt::format(
      "{} {}{}", format_count(static_cast<double>(count)), word, count == 1 ? "" : "s");
}

std::string ranks_text(const ExpertsReport& report) {
  const std::int64_t even = std::int64_t{report.nodes} * report.ranks_per_node;
  const std::int64_t ranks =
      report.uneven_nodes.empty()
          ? even
          : std::accumulate(
                report.uneven_nodes.begin(), report.uneven_nodes.end(), std::int64_t{0});
  return format_count(static_cast<double>(ranks));
}

/// "8 nodes", "3 nodes (4 + 8 + 2)"
std::string nodes_text(const ExpertsReport& report) {
  const std::string nodes = plural(report.nodes, "node");
  return report.uneven_nodes.empty()
             ? nodes
             : fmt::format("{} ({})", nodes, fmt::join(report.uneven_nodes, " + "));
}

/// "2 + 4 or 4 + 2"
std::string other_groups_text(const ExpertsReport& report) {
  std::string text;
  for (const std::vector<int>& nodes : report.other_groups) {
    text += fmt::format("{}{}", text.empty() ? "" : " or ", fmt::join(nodes, " + "));
  }
  return text;
}

Lines head(const ExpertsReport& report, Colour colour) {
  const std::string groups =
      report.groups == 1
          ? std::string()
          : fmt::format(" from {} of {} groups", report.groups_per_token, report.groups);
  Lines lines = {heading(report.title, colour)};
  std::vector<Cells> cells = std::vector<Cells>{
      {"experts",
       fmt::format("{}, {} a token{}",
                   format_count(static_cast<double>(report.experts)),
                   report.top_k,
                   groups)},
      {"load",
       fmt::format(
           "{}; the busiest expert gets {} the mean", report.load, times_mean(report.expert_peak))},
      {"ranks",
       fmt::format("{} on {}, {} each, {} redundant in all",
                   ranks_text(report),
                   nodes_text(report),
                   plural(report.slots_per_rank, "slot"),
                   format_count(static_cast<double>(report.redundant)))},
      {"tokens",
       fmt::format("{} a rank and micro-batch, {} a dispatched copy",
                   format_count(static_cast<double>(report.tokens_per_rank)),
                   format_data(report.copy))}};
  if (!report.other_groups.empty()) {
    cells.push_back({"group", "the first; others sit on " + other_groups_text(report)});
  }
  const Lines rows = aligned(cells, "ll");
  lines.insert(lines.end(), rows.begin(), rows.end());
  return lines;
}

std::string range_text(const SentReport& sent) {
  const std::string least = format_data(sent.least);
  const std::string most = format_data(sent.most);
  return least == most ? most : least + " to " + most;
}

/// A line of the table: its name and the figure of each layout.
template <class Figure>
void add_row(std::vector<Cells>& rows,
             const ExpertsReport& report,
             std::string row_name,
             Figure figure) {
  Cells row = {std::move(row_name)};
  for (const ExpertLayoutReport& layout : report.layouts) {
    row.push_back(figure(layout));
  }
  rows.push_back(row);
}

Lines figures_block(const ExpertsReport& report, Colour colour) {
  using Layout = ExpertLayoutReport;
  std::vector<Cells> rows;
  const auto add = [&](std::string row_name, auto figure) {
    add_row(rows, report, std::move(row_name), figure);
  };
  add("", [](const Layout& at) { return at.placement + (at.in_force ? " *" : ""); });
  add("busiest rank", [](const Layout& at) { return times_mean(at.rank_peak); });
  add("busiest rank, tokens drawn", [](const Layout& at) { return times_mean(at.drawn_peak); });
  add("its expert rows", [](const Layout& at) { return format_count(at.busiest_rows); });
  add("busiest node", [](const Layout& at) { return times_mean(at.node_peak); });
  add("replicas of an expert, at most",
      [](const Layout& at) { return fmt::format("{}", at.most_replicas); });
  add("nodes a token visits",
      [](const Layout& at) { return fmt::format("{:.2f}", at.nodes_per_token); });
  add("ranks a token visits",
      [](const Layout& at) { return fmt::format("{:.2f}", at.ranks_per_token); });
  if (report.nodes > 1) {
    add("a rank's NIC sends", [](const Layout& at) { return range_text(at.nic); });
    add("a rank's NIC receives", [](const Layout& at) { return range_text(at.nic_received); });
  }
  if (report.ranks_per_node > 1) {
    add("a rank's NVLink sends", [](const Layout& at) { return range_text(at.nvlink); });
  }
  Lines lines = {heading("Where a micro-batch's tokens go (expected, x: of the mean)", colour)};
  const Lines table = aligned(rows, "lrrr");
  lines.insert(lines.end(), table.begin(), table.end());
  lines.push_back("  * the scenario's placement");
  return lines;
}

Lines nodes_block(const ExpertsReport& report, Colour colour) {
  std::vector<Cells> rows;
  Cells names = {"node"};
  for (const ExpertLayoutReport& layout : report.layouts) {
    names.push_back(layout.placement);
  }
  rows.push_back(names);
  for (std::size_t node = 0; node < static_cast<std::size_t>(report.nodes); ++node) {
    add_row(rows, report, fmt::format("{}", node), [node](const ExpertLayoutReport& layout) {
      return times_mean(layout.node_loads[node]);
    });
  }
  Lines lines = {heading("Load of each node", colour)};
  const Lines table = aligned(rows, "rrrr");
  lines.insert(lines.end(), table.begin(), table.end());
  return lines;
}

Lines ranks_block(const ExpertLayoutReport& layout, Colour colour) {
  std::vector<Cells> rows;
  for (std::size_t first = 0; first < layout.rank_loads.size(); first += kRanksOfLine) {
    Cells row = {fmt::format("{}", first)};
    const std::size_t end = std::min(layout.rank_loads.size(), first + kRanksOfLine);
    for (std::size_t rank = first; rank < end; ++rank) {
      row.push_back(fmt::format("{:.2f}", layout.rank_loads[rank]));
    }
    rows.push_back(row);
  }
  Lines lines = {heading("Load of each rank, " + layout.placement, colour)};
  const Lines table = aligned(rows, "rrrrrrrrr");
  lines.insert(lines.end(), table.begin(), table.end());
  return lines;
}

}  // namespace

std::string experts_text(const ExpertsReport& report, Colour colour) {
  Lines lines = head(report, colour);
  const auto section = [&lines](const Lines& block) {
    lines.emplace_back();
    lines.insert(lines.end(), block.begin(), block.end());
  };
  section(figures_block(report, colour));
  section(nodes_block(report, colour));
  Lines ranks;
  for (const ExpertLayoutReport& layout : report.layouts) {
    const Lines block = ranks_block(layout, colour);
    ranks = ranks.empty() ? block : beside(ranks, block, kGap);
  }
  section(ranks);
  return joined(lines);
}

}  // namespace towtank
