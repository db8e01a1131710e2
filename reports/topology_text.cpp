#include "reports/topology_text.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

std::string count(std::int64_t number) {
  return format_count(static_cast<double>(number));
}

std::string dollars(Dollars amount) {
  return amount < 10'000.0 * dollar ? "$" + format_count(amount / dollar) : format_dollars(amount);
}

std::string title(const TopologyReport& report) {
  return fmt::format("{}: {} GPUs in {} nodes, {} network",
                     report.name,
                     count(std::int64_t{report.nodes} * report.gpus_per_node),
                     count(report.nodes),
                     report.kind);
}

void section(Lines& lines, std::string_view heading_text, const Lines& body, Colour colour) {
  lines.emplace_back();
  lines.push_back(heading(heading_text, colour));
  lines.insert(lines.end(), body.begin(), body.end());
}

Lines network_block(const TopologyReport& report) {
  std::vector<Cells> rows = {
      {"endpoints", count(report.endpoints), "network cards"},
      {"switches",
       count(report.switches),
       report.kind == "nonblocking"
           ? "ideal"
           : fmt::format("of {} ports{}",
                         report.radix,
                         report.planes > 1 ? fmt::format(", in {} planes", report.planes) : "")},
      {"links between them", count(report.inter_switch_links), ""},
      {"bisection",
       (report.bisection_exact ? "" : "<= ") + format_bandwidth(report.bisection),
       fmt::format("each way, {} of what half the cards send; {}",
                   percent(report.bisection_share),
                   report.bisection_method)},
      {"diameter",
       fmt::format("{}{} links", report.hops_complete ? "" : ">= ", report.diameter),
       "card to card"},
      {"mean distance",
       fmt::format("{:.2f} links", report.mean_hops),
       report.hops_complete ? "" : "from some of the switches"}};
  if (report.farthest_latency) {
    rows.push_back({"latency",
                    format_time(*report.farthest_latency),
                    "of the longest way's wires and switches"});
  }
  for (const TopologyTierRatio& ratio : report.ratios) {
    rows.push_back({fmt::format("{} down : up", ratio.tier),
                    fmt::format("{:.2f}", ratio.worst),
                    ratio.stated ? fmt::format("{:.2f} stated", *ratio.stated) : ""});
  }
  rows.push_back({"routing", report.routing, ""});
  if (report.faults > 0) {
    rows.push_back({"faults", count(report.faults), "bisection is without them"});
  }
  return aligned(rows, "lrl");
}

Lines devices_block(const TopologyReport& report) {
  std::vector<Cells> rows = {{"device", "count", "cables each"}};
  for (const TopologyDevices& devices : report.devices) {
    rows.push_back({devices.kind, count(devices.count), count(devices.most_ports)});
  }
  return aligned(rows, "lrr");
}

Lines links_block(const TopologyReport& report) {
  std::vector<Cells> rows = {{"link", "count", "cables", "each way", "latency", ""}};
  for (const TopologyLinks& links : report.links) {
    rows.push_back({links.from + " - " + links.to,
                    count(links.count),
                    count(links.cables),
                    links.health > 0.0 ? format_bandwidth(links.bandwidth) : "-",
                    links.latency > Seconds() ? format_time(links.latency) : "-",
                    links.health == 0.0   ? "failed"
                    : links.health == 1.0 ? ""
                                          : percent(links.health) + " of its speed"});
  }
  return aligned(rows, "lrrrrl");
}

Lines cost_block(const TopologyCost& cost) {
  Lines lines = aligned({{"switches", dollars(cost.switches), dollars(cost.switch_price) + " each"},
                         {"cables at cards",
                          dollars(cost.card_cables),
                          dollars(cost.card_cable_price) + " each, with transceivers"},
                         {"cables between switches",
                          dollars(cost.switch_cables),
                          dollars(cost.switch_cable_price) + " each, with transceivers"},
                         {"total", dollars(cost.total), ""},
                         {"per endpoint", dollars(cost.per_endpoint), ""}},
                        "lrl");
  for (const std::string& line : wrapped(cost.source, 96)) {
    lines.push_back("  " + line);
  }
  return lines;
}

std::string load_text(const std::optional<double>& busiest) {
  return busiest ? fmt::format("{:.2f}", *busiest) : "-";
}

/// The fair load is that of even spreading over all shortest ways, the last rule.
std::string collision_text(const TopologyReport& report, const TopologyPattern& pattern) {
  const auto own = std::ranges::find(report.rules, report.routing) - report.rules.begin();
  const auto& busiest = pattern.busiest[static_cast<std::size_t>(own)];
  const auto& fair = pattern.busiest.back();
  return busiest && fair && *fair > 0.0 ? fmt::format("{:.2f}", *busiest / *fair) : "-";
}

Lines loads_block(const TopologyReport& report) {
  Cells head = {"every card sends at full speed"};
  head.insert(head.end(), report.rules.begin(), report.rules.end());
  head.emplace_back("own / fair");
  std::vector<Cells> rows = {head};
  for (const TopologyPattern& pattern : report.verdict->patterns) {
    Cells row = {pattern.name};
    for (const auto& busiest : pattern.busiest) {
      row.push_back(load_text(busiest));
    }
    row.push_back(collision_text(report, pattern));
    rows.push_back(std::move(row));
  }
  return aligned(rows, "lrrrrr");
}

/// A remark for each rule, or one for the pattern when it is the same for all.
Lines remarks_block(const TopologyReport& report) {
  Lines lines;
  for (const TopologyPattern& pattern : report.verdict->patterns) {
    const std::vector<std::string>& remarks = pattern.remarks;
    const bool same = std::ranges::count(remarks, remarks.front()) == std::ssize(remarks);
    for (std::size_t i = 0; i < (same ? 1 : remarks.size()); ++i) {
      if (!remarks[i].empty()) {
        lines.push_back(fmt::format(
            "  {}{}: {}", pattern.name, same ? "" : ", " + report.rules[i], remarks[i]));
      }
    }
  }
  return lines;
}

}  // namespace

std::string topology_text(const TopologyReport& report, Colour colour) {
  Lines lines = {heading(title(report), colour)};
  section(lines, "Network", network_block(report), colour);
  section(lines, "Devices", devices_block(report), colour);
  section(lines, "Links (both directions are one)", links_block(report), colour);
  if (report.cost) {
    section(lines,
            "Cost of the network, without cards and without what is inside nodes",
            cost_block(*report.cost),
            colour);
  }
  return joined(lines);
}

std::string topology_check_text(const TopologyReport& report, Colour colour) {
  Lines lines = {heading(title(report), colour)};
  Lines claims;
  for (const TopologyClaimLine& claim : report.verdict->claims) {
    claims.push_back((claim.holds ? "  ok     " : alarm("  WRONG  ", colour)) + claim.text);
  }
  section(lines, "What must hold", claims, colour);
  if (!report.verdict->patterns.empty()) {
    section(lines,
            "Traffic over capacity of the busiest link, by routing rule (" + report.routing +
                " is this network's)",
            loads_block(report),
            colour);
    lines.emplace_back(
        "  1 is no slowdown. Fair is the even spread over all shortest ways; what is above it is "
        "collisions.");
    const Lines remarks = remarks_block(report);
    lines.insert(lines.end(), remarks.begin(), remarks.end());
  }
  lines.emplace_back();
  lines.push_back(report.verdict->holds ? "The network is what it says."
                                        : alarm("The network is not what it says.", colour));
  return joined(lines);
}

}  // namespace towtank
