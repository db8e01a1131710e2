#include "sim/graph/exchange_relations.hpp"

#include <algorithm>

namespace towtank {

bool on_one_rail(const SameWays& ways,
                 const std::vector<Member>& members,
                 const Exchange& exchange) {
  const auto place_of = [&](int number) { return members[static_cast<std::size_t>(number)].place; };
  const int place = place_of(exchange.members.front());
  return std::ranges::all_of(exchange.members,
                             [&](int number) { return ways.on_one_rail(place, place_of(number)); });
}

const Member& ExchangeRelations::member(std::size_t group, int number) {
  return moved(group).members[static_cast<std::size_t>(number)];
}

void ExchangeRelations::write(std::size_t group, std::size_t phase, const Exchange& exchange) {
  const int number = book_.new_group();
  const int label = book_.label(Relation::kExchange,
                                phase,
                                exchange.bytes.si(),
                                static_cast<int>(exchange.medium),
                                static_cast<int>(exchange.reach));
  for (const int of : exchange.members) {
    book_.join(label, number, book_.thing(group, of));
  }
  if (exchange.reach == Exchange::Reach::kOtherNodes) {
    write_own_nodes(group, phase, exchange);
  }
  if (book_.job().fabric() == nullptr || exchange.medium != Medium::kNic) {
    return;
  }
  if (!same_ways_) {
    same_ways_.emplace(book_.job().cluster());
  }
  if (same_ways_->alike_sending() && on_one_rail(*same_ways_, moved(group).members, exchange)) {
    write_ways_of_switches(group, phase, exchange);
  } else {
    write_ways_of_pairs(group, phase, exchange);
  }
}

void ExchangeRelations::write_own_nodes(std::size_t group,
                                        std::size_t phase,
                                        const Exchange& exchange) {
  std::map<int, int> group_of_node;
  for (const int of : exchange.members) {
    const int node = member(group, of).node;
    if (!group_of_node.contains(node)) {
      group_of_node[node] = book_.new_group();
    }
    book_.join(book_.label(Relation::kOwnNode, phase, exchange.bytes.si()),
               group_of_node[node],
               book_.thing(group, of));
  }
}

bool ExchangeRelations::left_out(std::size_t group, const Exchange& exchange, int from, int to) {
  return from == to || (exchange.reach == Exchange::Reach::kOtherNodes &&
                        member(group, from).node == member(group, to).node);
}

void ExchangeRelations::write_ways_of_pairs(std::size_t group,
                                            std::size_t phase,
                                            const Exchange& exchange) {
  const int pair = book_.label(Relation::kPair, phase, exchange.bytes.si());
  for (const int from : exchange.members) {
    for (const int to : exchange.members) {
      if (!left_out(group, exchange, from, to)) {
        const int sender = book_.thing(group, from);
        const int receiver = book_.thing(group, to);
        book_.send({.label = pair, .from = sender, .to = receiver});
        book_.follow(sender, receiver, 1);
      }
    }
  }
}

/// The ends of an exchange, with those behind a switch as things of their own.
std::vector<ExchangeRelations::End> ExchangeRelations::ends(std::size_t group,
                                                            const Exchange& exchange,
                                                            bool alike,
                                                            int behind) {
  std::vector<End> result;
  std::map<int, std::pair<int, int>> switches;  // thing and group of each
  for (const int of : exchange.members) {
    const int thing = book_.thing(group, of);
    const int gpu = member(group, of).gpu;
    const int leaf = same_ways_->sending(gpu);
    if (!alike) {
      result.push_back({.thing = thing, .gpu = gpu, .leaf = leaf});
      continue;
    }
    const auto [entry, is_new] = switches.try_emplace(leaf);
    auto& [switch_thing, switch_group] = entry->second;
    if (is_new) {
      switch_thing = book_.add_switch();
      switch_group = book_.new_group();
      book_.join(behind, switch_group, switch_thing);
      result.push_back({.thing = switch_thing, .gpu = gpu, .leaf = leaf});
    }
    book_.join(behind, switch_group, thing);
    book_.count_in(switch_thing, thing);
  }
  return result;
}

void ExchangeRelations::write_ways_of_switches(std::size_t group,
                                               std::size_t phase,
                                               const Exchange& exchange) {
  const bool alike = same_ways_->alike_receiving();
  const double bytes = exchange.bytes.si();
  const std::vector<End> from =
      ends(group, exchange, true, book_.label(Relation::kBehindSender, phase, bytes));
  const std::vector<End> to =
      alike ? from
            : ends(group, exchange, false, book_.label(Relation::kBehindReceiver, phase, bytes));
  const int ways = book_.label(Relation::kSwitchToSwitch, phase, bytes);
  for (const End& sender : from) {
    for (const End& receiver : to) {
      if (sender.leaf != receiver.leaf) {
        book_.send({.label = ways, .from = sender.thing, .to = receiver.thing});
        book_.follow_gpus(sender.gpu, receiver.gpu, 1);
      }
    }
  }
  if (exchange.reach == Exchange::Reach::kOtherNodes) {
    exceptions_.push_back({.group = group, .phase = phase, .exchange = &exchange});
  }
}

void ExchangeRelations::write_ways_left_out() {
  for (const Exception& of : exceptions_) {
    const int label = book_.label(Relation::kLeftOut, of.phase, of.exchange->bytes.si());
    std::map<int, std::vector<int>> nodes;
    for (const int number : of.exchange->members) {
      nodes[member(of.group, number).node].push_back(number);
    }
    for (const auto& [node, on_node] : nodes) {
      write_left_out(of, on_node, label);
    }
  }
}

void ExchangeRelations::write_left_out(const Exception& of,
                                       const std::vector<int>& on_node,
                                       int label) {
  for (const int from : on_node) {
    for (const int to : on_node) {
      const int from_gpu = member(of.group, from).gpu;
      const int to_gpu = member(of.group, to).gpu;
      if (same_ways_->sending(from_gpu) != same_ways_->sending(to_gpu)) {
        book_.send(
            {.label = label, .from = book_.thing(of.group, from), .to = book_.thing(of.group, to)});
        book_.follow_gpus(from_gpu, to_gpu, 1);
      }
    }
  }
}

}  // namespace towtank
