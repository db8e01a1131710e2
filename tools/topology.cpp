// towtank topology show|check FILE: what a cluster's network consists of, and whether it is what it
// says.
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/topology_text.hpp"
#include "sim/base/error.hpp"
#include "sim/cluster/fabric.hpp"
#include "sim/cluster/topology_check.hpp"
#include "sim/cluster/topology_summary.hpp"
#include "sim/scenario/fabric_reader.hpp"
#include "tools/commands.hpp"
#include "tools/topology_report.hpp"

namespace towtank {
namespace {

struct TopologyOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string svg;
  bool json = false;
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    throw EnvironmentError(fmt::format("{} cannot be written", path));
  }
}

void show_topology(const TopologyOptions& options, Colour colour) {
  const FabricFile file = read_fabric_file(options.file, parse_overrides(options.overrides));
  const Fabric fabric = make_fabric(file.spec, file.size);
  TopologyReport report = topology_report(file.name, fabric, summarise(fabric));
  if (!options.svg.empty()) {
    report.drawing = topology_drawing(fabric, report);
    write_file(options.svg, topology_svg(report));
  }
  print(options.json ? topology_json(report) : topology_text(report, colour));
}

int check_topology_file(const TopologyOptions& options, Colour colour) {
  const FabricFile file = read_fabric_file(options.file, parse_overrides(options.overrides));
  const Fabric fabric = make_fabric(file.spec, file.size);
  const TopologySummary summary = summarise(fabric);
  TopologyReport report = topology_report(file.name, fabric, summary);
  announce("loading the network's links");
  report.verdict = topology_verdict(check_topology(fabric, summary));
  print(options.json ? topology_json(report) : topology_check_text(report, colour));
  return report.verdict->holds ? kExitOk : kExitNo;
}

CLI::App* add_one(CLI::App& topology,
                  const std::string& name,
                  const std::string& about,
                  const std::shared_ptr<TopologyOptions>& options) {
  CLI::App* const command = topology.add_subcommand(name, about);
  command->add_option("FILE", options->file, "Scenario file, or a cluster's")
      ->required()
      ->type_name("");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  return command;
}

}  // namespace

void add_topology(CLI::App& program, Invocation& invocation) {
  CLI::App* const topology =
      program.add_subcommand("topology", "What a cluster's network is made of, and what it can do");
  topology->require_subcommand(1);
  const auto options = std::make_shared<TopologyOptions>();
  CLI::App* const show = add_one(
      *topology, "show", "Print tiers, links, bisection and cost of the network; draw it", options);
  show->add_option("--svg", options->svg, "Write a picture to this file")->type_name("FILE");
  show->callback([options, &invocation] { show_topology(*options, invocation.colour); });
  CLI::App* const check =
      add_one(*topology,
              "check",
              "Verify ports, reach and oversubscription; load every routing rule",
              options);
  check->callback([options, &invocation] {
    invocation.exit_code = check_topology_file(*options, invocation.colour);
  });
}

}  // namespace towtank
