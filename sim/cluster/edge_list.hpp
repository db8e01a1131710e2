// A network as a list of its cables, one a line:
//
//   # comments and blank lines are skipped
//   switch s0 leaf                   what a switch is for: leaf (the default), spine or core
//   node0.nic0 s0                    a card and its switch, at the card's own speed
//   s0 s1 400Gbit/s 0.3us 2          bandwidth a direction, latency, cables side by side
//
// Bandwidth, latency and number of cables may be left out from the right.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/units.hpp"

namespace towtank {

/// A switch of the list, in the order of first mention.
struct ListedSwitch {
  std::string name;
  int tier = 1;  // 1 leaf, 2 spine, 3 core
  Place place = {};
};

/// A network card: the `nic`th of node `node`, both counted from 0.
struct ListedCard {
  int node = 0;
  int nic = 0;
};

/// One end of a cable bundle: a card, or the switch of this index.
struct ListedEnd {
  std::optional<ListedCard> card = {};
  int switch_index = -1;
};

struct ListedCable {
  ListedEnd a = {};
  ListedEnd b = {};
  std::optional<Bandwidth> bandwidth = {};  // of one cable
  std::optional<Seconds> latency = {};
  int cables = 1;
  Place place = {};
};

struct EdgeList {
  std::vector<ListedSwitch> switches = {};
  std::vector<ListedCable> cables = {};
};

/// Reads an edge list; `file` names it in places. Throws InputError with every mistake: a line that
/// is no cable, a card with two cables, a cable from a device to itself or between two cards.
EdgeList parse_edge_list(std::string_view text, const std::string& file);

}  // namespace towtank
