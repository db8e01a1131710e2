#include "sim/engine/ports.hpp"

#include <array>
#include <set>
#include <string>
#include <utility>

namespace towtank {
namespace {

namespace sg = simgrid::s4u;

/// The two directions of one rank's port of one medium.
struct PortLinks {
  sg::Link* out = nullptr;
  sg::Link* in = nullptr;
};

using RankLinks = std::array<PortLinks, kMedia>;

std::vector<RankLinks> create_links(sg::NetZone& zone, int ranks, const Cluster& cluster) {
  std::vector<RankLinks> links(static_cast<std::size_t>(ranks));
  for (std::size_t rank = 0; rank < links.size(); ++rank) {
    for (const Medium medium : {Medium::kNvlink, Medium::kNic}) {
      const GpuLink& port = medium == Medium::kNvlink ? cluster.nvlink : cluster.nic;
      const double bandwidth = port.bandwidth.si();
      const std::string label = std::to_string(rank) + "-" + std::string(name(medium));
      links[rank][static_cast<std::size_t>(medium)] = {
          .out = zone.create_link(label + "-out", bandwidth)->seal(),
          .in = zone.create_link(label + "-in", bandwidth)->seal()};
    }
  }
  return links;
}

/// Actors never compute on a host, they sleep: its speed is of no account.
sg::Host* create_host(sg::NetZone& zone, const std::string& label) {
  return zone.create_host(label, 1.0)->seal();
}

}  // namespace

Ports::Ports(int ranks, const Cluster& cluster, std::span<const WireTraffic> traffics)
    : zone_(sg::create_full_zone("ports")) {
  const std::vector<RankLinks> links = create_links(*zone_, ranks, cluster);
  for (int rank = 0; rank < ranks; ++rank) {
    in_hosts_.push_back(create_host(*zone_, std::to_string(rank) + "-in"));
  }
  std::set<std::pair<Sender, int>> known;  // sender and destination
  for (const WireTraffic& traffic : traffics) {
    for (const WireFlow& flow : traffic.flows) {
      const Sender sender{flow.source, flow.medium, flow.copies};
      if (!known.emplace(sender, flow.destination).second) {
        continue;
      }
      sg::Host*& host = out_hosts_[sender];
      if (host == nullptr) {
        host = create_host(*zone_,
                           std::to_string(flow.source) + "-" + std::string(name(flow.medium)) +
                               "-out-" + std::to_string(flow.copies));
      }
      const auto medium = static_cast<std::size_t>(flow.medium);
      const auto copies = static_cast<std::size_t>(flow.copies);
      const PortLinks& source = links[static_cast<std::size_t>(flow.source)][medium];
      const PortLinks& destination = links[static_cast<std::size_t>(flow.destination)][medium];
      std::vector<sg::LinkInRoute> path(copies, sg::LinkInRoute(source.out));
      path.insert(path.end(), copies, sg::LinkInRoute(destination.in));
      zone_->add_route(host->get_netpoint(),
                       home(flow.destination)->get_netpoint(),
                       nullptr,
                       nullptr,
                       path,
                       false);
    }
  }
  zone_->seal();
}

Route Ports::route(const WireFlow& flow) const {
  return {.from = out_hosts_.at({flow.source, flow.medium, flow.copies}),
          .to = home(flow.destination)};
}

}  // namespace towtank
