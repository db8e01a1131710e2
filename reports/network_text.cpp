#include "reports/network_text.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

std::string rate(Bandwidth bandwidth) {
  return fmt::format("{:.2f}", bandwidth / (GB / second));
}

bool is_simulated(const NetworkTable& table) {
  return !table.rows.empty() && table.rows.front().simulation.has_value();
}

Lines table_lines(const NetworkTable& table) {
  const bool simulated = is_simulated(table);
  Cells heads = {
      "size", "time", "+-", "algbw GB/s", "busbw GB/s", "algorithm", "protocol", "limited by"};
  if (simulated) {
    heads.insert(heads.begin() + 2, "x alone");
    heads.insert(heads.end(), {"busy"});
  }
  std::vector<Cells> rows = {heads};
  rows.reserve(table.rows.size() + 1);
  for (const NetworkRow& row : table.rows) {
    Cells& cells = rows.emplace_back(Cells{format_data(row.bytes),
                                           format_time(row.time),
                                           percent(row.error),
                                           rate(row.algorithm_bandwidth),
                                           rate(row.bus_bandwidth),
                                           row.algorithm,
                                           row.protocol,
                                           row.limit});
    if (row.simulation) {
      const Seconds alone = row.simulation->alone.value_or(row.time);
      cells.insert(cells.begin() + 2, fmt::format("{:.2f}", row.time / alone));
      cells.push_back(percent(row.simulation->busy));
    }
  }
  return aligned(rows, simulated ? "rrrrrrlllr" : "rrrrrlll");
}

std::string counted(double count, const std::string& one, const std::string& many) {
  return fmt::format("{} {}", format_count(count), count == 1.0 ? one : many);
}

std::string ranks_text(const NetworkReport& report) {
  std::string text = fmt::format("{} ranks", format_count(report.ranks));
  if (report.groups > 1) {
    text = fmt::format("{} groups of {}", format_count(report.groups), text);
  }
  if (report.stride > 1) {
    text += fmt::format(", {} GPUs apart,", report.stride);
  }
  return text + " on " + counted(report.nodes, "node", "nodes");
}

std::string grain_text(double grain) {
  return grain > 0.0 ? fmt::format(", rates adapted at every {}th of the time",
                                   format_count(std::round(1.0 / grain)))
                     : "";
}

/// "3 to 5 classes stand for 2,048 GPUs."
std::string classes_text(const NetworkTable& table) {
  std::int64_t fewest = table.rows.front().simulation->classes;
  std::int64_t most = fewest;
  for (const NetworkRow& row : table.rows) {
    fewest = std::min(fewest, row.simulation->classes);
    most = std::max(most, row.simulation->classes);
  }
  const std::string range = fewest == most ? format_count(static_cast<double>(most))
                                           : fmt::format("{} to {}",
                                                         format_count(static_cast<double>(fewest)),
                                                         format_count(static_cast<double>(most)));
  const double grain = table.rows.front().simulation->grain;
  return fmt::format("  simulated: {} {} for {} GPUs{}\n",
                     range,
                     most == 1 ? "class stands" : "classes stand",
                     format_count(static_cast<double>(table.rows.front().simulation->gpus)),
                     grain_text(grain));
}

std::string footnote(const NetworkReport& report) {
  const bool simulated = std::ranges::any_of(report.tables, is_simulated);
  if (!simulated) {
    return "\nEach call alone on an idle network. size and busbw as in nccl-tests; +-: nine of ten "
           "times\nare expected within it.\n";
  }
  const bool copies = report.host_copy > Bytes();
  const std::string meanwhile =
      copies ? fmt::format(", while every GPU copies {} to its host and as much back",
                           format_data(report.host_copy))
             : "";
  const std::string together =
      (report.groups > 1 ? "All groups run each call at the same time" : "Each call by itself") +
      meanwhile + ", on the cluster's network and with its faults. ";
  const std::string time = copies ? "time: until the call is done, not the copies. " : "";
  const std::string until = copies ? ", of wires with copies until these are done" : "";
  return "\n" + joined(wrapped(together + time +
                                   "x alone: against one group on an idle network of sound links. "
                                   "busy: the busiest wire, over the whole time" +
                                   until +
                                   ". size and busbw as in nccl-tests; +-: nine of ten times are "
                                   "expected within it.",
                               95));
}

std::string sources_text(const std::vector<std::string>& sources) {
  std::string text;
  for (const std::string& source : sources) {
    text += joined(wrapped("costs: " + source, 100));
  }
  return text;
}

}  // namespace

std::string network_text(const NetworkReport& report, Colour colour) {
  std::string text = fmt::format("{}: {}, {}\n", report.cluster, ranks_text(report), report.gpu);
  for (const NetworkTable& table : report.tables) {
    text += "\n" + heading(table.collective, colour) + "\n" + joined(table_lines(table));
    if (is_simulated(table)) {
      text += classes_text(table);
    }
  }
  return text + footnote(report) + sources_text(report.sources);
}

std::string pairs_text(const PairsReport& report, Colour colour) {
  std::string text = fmt::format("{}: {} ranks on {}, {}\n\n{}\n",
                                 report.cluster,
                                 format_count(report.ranks),
                                 counted(report.nodes, "node", "nodes"),
                                 report.gpu,
                                 heading("all-to-all of " + report.file, colour));
  const NetworkSimulation& simulation = report.simulation;
  const auto pairs = static_cast<double>(report.pairs);
  const std::vector<Cells> rows = {
      {"time", format_time(report.time), fmt::format("+- {}", percent(report.error))},
      {"bytes",
       format_data(report.bytes),
       fmt::format(
           "of {}, {} a pair", counted(pairs, "pair", "pairs"), format_data(report.bytes / pairs))},
      {"bandwidth",
       format_bandwidth(report.bytes / report.time),
       fmt::format("over all, {} a GPU",
                   format_bandwidth(report.bytes / report.time / report.ranks))},
      {"busy",
       percent(simulation.busy),
       fmt::format("{}, the busiest{}",
                   simulation.gpu < 0
                       ? simulation.wire
                       : fmt::format("{} of GPU {}", simulation.wire, simulation.gpu),
                   report.limit == "latency" ? "; most of the time is latency" : "")},
      {"bound",
       format_time(report.bound),
       fmt::format("{}: {}", report.fullest_port, format_data(report.fullest_bytes))},
      {"x bound", fmt::format("{:.2f}", report.time / report.bound)}};
  return text + joined(aligned(rows, "lrl")) +
         fmt::format(
             "  simulated: {} for {} GPUs, {}, protocol {}{}\n",
             counted(static_cast<double>(simulation.classes), "class stands", "classes stand"),
             format_count(static_cast<double>(simulation.gpus)),
             counted(static_cast<double>(simulation.flows), "flow", "flows"),
             report.protocol,
             grain_text(simulation.grain)) +
         "\nAll pairs send at the same time. bound: the fullest port alone, whatever the switches "
         "between can do.\n" +
         sources_text(report.sources);
}

}  // namespace towtank
