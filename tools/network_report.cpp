#include "tools/network_report.hpp"

#include <algorithm>
#include <string>

#include "sim/base/error.hpp"
#include "tools/commands.hpp"

namespace towtank {
namespace {

/// The first `ranks` GPUs; the last node may be taken in part.
std::vector<Member> first_members(const Cluster& cluster, int ranks) {
  const int nodes = (ranks + cluster.gpus_per_node - 1) / cluster.gpus_per_node;
  std::vector<Member> members = even_members(nodes, cluster.gpus_per_node);
  members.resize(static_cast<std::size_t>(ranks));
  return members;
}

std::vector<Member> members_of(Collective kind, const Cluster& cluster, int ranks) {
  std::vector<Member> members = first_members(cluster, ranks);
  if (kind == Collective::kSendRecv) {
    return {members.front(), members.back()};
  }
  return members;
}

NetworkRow row_of(const CollectiveCall& call, const Choice& choice) {
  const Seconds time = choice.timing.total();
  const Bandwidth rate = call.bytes / time;
  return {.bytes = call.bytes,
          .time = time,
          .error = choice.cost.error,
          .algorithm_bandwidth = rate,
          .bus_bandwidth = rate * bus_factor(call.kind, static_cast<int>(call.members.size())),
          .algorithm = std::string(name(choice.algorithm)),
          .protocol = std::string(name(choice.protocol)),
          .limit = std::string(name(choice.timing.limit()))};
}

void note_source(const NetworkCost& cost, const Profile& profile, NetworkReport& report) {
  for (const Source& source : profile.sources) {
    const bool noted = std::ranges::find(report.sources, source.text) != report.sources.end();
    if (source.key == cost.source && !noted) {
      report.sources.push_back(source.text);
    }
  }
}

}  // namespace

NetworkReport network_report(const Cluster& cluster,
                             const Profile& profile,
                             const NetworkQuestion& question) {
  const PortSpeeds speeds{.nvlink = cluster.nvlink.bandwidth, .nic = cluster.nic.bandwidth};
  NetworkReport report{.cluster = cluster.name,
                       .gpu = cluster.gpu,
                       .ranks = question.ranks,
                       .nodes = first_members(cluster, question.ranks).back().node + 1,
                       .tables = {},
                       .sources = {}};
  for (const Collective kind : question.collectives) {
    NetworkTable table{.collective = std::string(name(kind)), .rows = {}};
    table.rows.reserve(question.sizes.size());
    CollectiveCall call{
        .kind = kind, .bytes = {}, .members = members_of(kind, cluster, question.ranks)};
    for (const Bytes bytes : question.sizes) {
      call.bytes = bytes;
      const Chosen chosen = choose(call, profile, speeds, question.wishes);
      if (!chosen.choice) {
        throw UsageError("towtank network: " + std::string(name(kind)) + ": " + chosen.why_not,
                         "leave out --algorithm and --protocol to have them chosen");
      }
      note_source(chosen.choice->cost, profile, report);
      table.rows.push_back(row_of(call, *chosen.choice));
    }
    report.tables.push_back(std::move(table));
  }
  return report;
}

}  // namespace towtank
