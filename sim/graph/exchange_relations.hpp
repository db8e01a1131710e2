// How the members of exchanges are related, in which everybody sends to everybody.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "sim/graph/relation_book.hpp"
#include "sim/graph/same_ways.hpp"

namespace towtank {

/// Whether the network joins all members of an exchange without help from NVLink.
bool on_one_rail(const SameWays& ways,
                 const std::vector<Member>& members,
                 const Exchange& exchange);

/// Exchanges stay groups; only where wires of the fabric can be full their ways are followed: from
/// leaf switch to leaf switch or to card where the routing lets all cards of a switch take the same
/// (see same_ways.hpp), pair by pair where it does not.
class ExchangeRelations {
 public:
  explicit ExchangeRelations(RelationBook& book) : book_(book) {}

  /// Of a group in a phase. The exchange outlives this.
  void write(std::size_t group, std::size_t phase, const Exchange& exchange);

  /// Members of one node behind different switches send each other nothing over the ways of these.
  /// Comes last, when it is known which wires can be full.
  void write_ways_left_out();

  /// Where there is a fabric and an exchange over it.
  std::optional<SameWays> take_same_ways() { return std::move(same_ways_); }

 private:
  /// An end of ways: a rank, or all those behind a leaf switch; and one GPU of it.
  struct End {
    int thing = 0;
    int gpu = 0;
    int leaf = 0;
  };
  struct Exception {
    std::size_t group = 0;
    std::size_t phase = 0;
    const Exchange* exchange = nullptr;
  };

  const GroupMovement& moved(std::size_t group) { return book_.job().groups()[group]; }
  const Member& member(std::size_t group, int number);
  bool left_out(std::size_t group, const Exchange& exchange, int from, int to);
  void write_own_nodes(std::size_t group, std::size_t phase, const Exchange& exchange);
  void write_ways_of_pairs(std::size_t group, std::size_t phase, const Exchange& exchange);
  std::vector<End> ends(std::size_t group, const Exchange& exchange, bool alike, int behind);
  void write_ways_of_switches(std::size_t group, std::size_t phase, const Exchange& exchange);
  void write_left_out(const Exception& of, const std::vector<int>& on_node, int label);

  RelationBook& book_;
  std::optional<SameWays> same_ways_;
  std::vector<Exception> exceptions_;
};

}  // namespace towtank
