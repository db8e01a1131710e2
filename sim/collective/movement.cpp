#include "sim/collective/movement.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace towtank {
namespace {

void add_out(PortLoad& load, Medium medium, Bytes bytes) {
  (medium == Medium::kNvlink ? load.nvlink_out : load.nic_out) += bytes;
}

void add_in(PortLoad& load, Medium medium, Bytes bytes) {
  (medium == Medium::kNvlink ? load.nvlink_in : load.nic_in) += bytes;
}

/// Adds what each member of the exchange sends and receives, which is the same.
void add_exchange(const Exchange& exchange,
                  const std::vector<Member>& members,
                  std::vector<PortLoad>& loads) {
  std::map<int, int> on_node;
  for (const int member : exchange.members) {
    ++on_node[members[static_cast<std::size_t>(member)].node];
  }
  const int all = static_cast<int>(exchange.members.size());
  for (const int member : exchange.members) {
    const int unreached = exchange.reach == Exchange::Reach::kAll
                              ? 1
                              : on_node.at(members[static_cast<std::size_t>(member)].node);
    PortLoad& load = loads[static_cast<std::size_t>(member)];
    const Bytes moved = exchange.bytes * static_cast<double>(all - unreached);
    add_out(load, exchange.medium, moved);
    add_in(load, exchange.medium, moved);
  }
}

}  // namespace

std::vector<PortLoad> port_loads(const MovementPhase& phase, const std::vector<Member>& members) {
  std::vector<PortLoad> loads(members.size());
  for (const Delivery& delivery : phase.deliveries) {
    if (delivery.from >= 0) {
      add_out(loads[static_cast<std::size_t>(delivery.from)], delivery.medium, delivery.bytes);
    }
    if (delivery.to >= 0) {
      add_in(loads[static_cast<std::size_t>(delivery.to)], delivery.medium, delivery.bytes);
    }
  }
  for (const Exchange& exchange : phase.exchanges) {
    add_exchange(exchange, members, loads);
  }
  return loads;
}

FullestPorts fullest_ports(const MovementPhase& phase, const std::vector<Member>& members) {
  FullestPorts fullest;
  for (const PortLoad& load : port_loads(phase, members)) {
    fullest.nvlink = std::max({fullest.nvlink, load.nvlink_out, load.nvlink_in});
    fullest.nic = std::max({fullest.nic, load.nic_out, load.nic_in});
  }
  return fullest;
}

Bytes fullest_card(const MovementPhase& phase,
                   const std::vector<Member>& members,
                   int gpus_per_card) {
  const std::vector<PortLoad> loads = port_loads(phase, members);
  std::map<std::pair<int, int>, PortLoad> of_card;
  Bytes fullest;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    PortLoad& card = of_card[{members[i].node, members[i].place / gpus_per_card}];
    card.nic_out += loads[i].nic_out;
    card.nic_in += loads[i].nic_in;
    fullest = std::max({fullest, card.nic_out, card.nic_in});
  }
  return fullest;
}

std::vector<Delivery> written_out(const MovementPhase& phase, const std::vector<Member>& members) {
  std::vector<Delivery> deliveries = phase.deliveries;
  for (const Exchange& exchange : phase.exchanges) {
    deliveries.reserve(deliveries.size() + exchange.members.size() * exchange.members.size());
    for (const int from : exchange.members) {
      for (const int to : exchange.members) {
        const bool same_node = members[static_cast<std::size_t>(from)].node ==
                               members[static_cast<std::size_t>(to)].node;
        if (from != to && !(same_node && exchange.reach == Exchange::Reach::kOtherNodes)) {
          deliveries.push_back(
              {.from = from, .to = to, .medium = exchange.medium, .bytes = exchange.bytes});
        }
      }
    }
  }
  return deliveries;
}

}  // namespace towtank
