#include "reports/network_text.hpp"

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

std::string rate(Bandwidth bandwidth) {
  return fmt::format("{:.2f}", bandwidth / (GB / second));
}

Lines table_lines(const NetworkTable& table) {
  std::vector<Cells> rows = {
      {"size", "time", "+-", "algbw GB/s", "busbw GB/s", "algorithm", "protocol", "limited by"}};
  rows.reserve(table.rows.size() + 1);
  for (const NetworkRow& row : table.rows) {
    rows.push_back({format_data(row.bytes),
                    format_time(row.time),
                    percent(row.error),
                    rate(row.algorithm_bandwidth),
                    rate(row.bus_bandwidth),
                    row.algorithm,
                    row.protocol,
                    row.limit});
  }
  return aligned(rows, "rrrrrlll");
}

}  // namespace

std::string network_text(const NetworkReport& report, Colour colour) {
  std::string text = fmt::format("{}: {} ranks on {} {}, {}\n",
                                 report.cluster,
                                 format_count(report.ranks),
                                 format_count(report.nodes),
                                 report.nodes == 1 ? "node" : "nodes",
                                 report.gpu);
  for (const NetworkTable& table : report.tables) {
    text += "\n" + heading(table.collective, colour) + "\n" + joined(table_lines(table));
  }
  text +=
      "\nEach call alone on an idle network. size and busbw as in nccl-tests; +-: nine of ten "
      "times\nare expected within it.\n";
  for (const std::string& source : report.sources) {
    text += joined(wrapped("costs: " + source, 100));
  }
  return text;
}

}  // namespace towtank
