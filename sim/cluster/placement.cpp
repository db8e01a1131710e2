#include "sim/cluster/placement.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/trimmed.hpp"

namespace towtank {
namespace {

std::optional<int> number(std::string_view text) {
  const std::string_view digits = trimmed(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && value >= 0 && !digits.empty() ? std::optional(value) : std::nullopt;
}

/// "first-last:step", of which all but the first may be missing.
struct Range {
  int first = 0;
  int last = 0;
  int step = 1;
};

std::optional<Range> parse_range(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view ends = text.substr(0, colon);
  const std::size_t dash = ends.find('-');
  const std::optional<int> first = number(ends.substr(0, dash));
  const std::optional<int> last =
      dash == std::string_view::npos ? first : number(ends.substr(dash + 1));
  const std::optional<int> step =
      colon == std::string_view::npos ? std::optional(1) : number(text.substr(colon + 1));
  if (!first || !last || !step || *step == 0 || *last < *first) {
    return std::nullopt;
  }
  return Range{.first = *first, .last = *last, .step = *step};
}

}  // namespace

Cluster on_nodes(const Cluster& whole, std::span<const int> nodes) {
  check(!whole.placement, "a part is taken of a whole cluster");
  Cluster part = whole;
  part.nodes = static_cast<int>(nodes.size());
  part.placement = {.fabric_nodes = whole.nodes, .nodes = {nodes.begin(), nodes.end()}};
  const auto partly_used = std::ranges::find(nodes, whole.idle > 0 ? whole.nodes - 1 : -1);
  check(partly_used == nodes.end() || partly_used + 1 == nodes.end(),
        "a node that is partly in use comes last");
  part.idle = partly_used == nodes.end() ? 0 : whole.idle;
  part.faults.clear();
  std::unordered_map<int, int> number_of;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    check(nodes[i] >= 0 && nodes[i] < whole.nodes, "the part's nodes are those of the whole");
    const bool is_new = number_of.try_emplace(nodes[i], static_cast<int>(i)).second;
    check(is_new, "no node is twice in a part");
  }
  for (GpuFault fault : whole.faults) {
    const auto found = number_of.find(fault.gpu / whole.gpus_per_node);
    if (found != number_of.end()) {
      fault.gpu = found->second * whole.gpus_per_node + fault.gpu % whole.gpus_per_node;
      part.faults.push_back(fault);
    }
  }
  return part;
}

NodeList parse_nodes(std::string_view text, int count) {
  NodeList list;
  std::vector<bool> taken(static_cast<std::size_t>(count), false);
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view item = trimmed(text.substr(0, comma));
    const std::optional<Range> range = parse_range(item);
    if (!range) {
      list.problem = fmt::format("'{}' is no node and no range of nodes", item);
      return list;
    }
    if (range->last >= count) {
      list.problem = fmt::format("there is no node {}; the last is {}", range->last, count - 1);
      return list;
    }
    for (std::int64_t node = range->first; node <= range->last; node += range->step) {
      const auto at = static_cast<std::size_t>(node);
      if (taken[at]) {
        list.problem = fmt::format("node {} is named twice", node);
        return list;
      }
      taken[at] = true;
      list.nodes.push_back(static_cast<int>(node));
    }
    if (comma == std::string_view::npos) {
      return list;
    }
    text.remove_prefix(comma + 1);
  }
}

std::string nodes_text(std::span<const int> nodes) {
  std::string text;
  for (std::size_t first = 0; first < nodes.size();) {
    std::size_t last = first;
    const int step = first + 1 < nodes.size() ? nodes[first + 1] - nodes[first] : 0;
    while (step > 0 && last + 1 < nodes.size() && nodes[last + 1] - nodes[last] == step) {
      ++last;
    }
    last = last == first + 1 ? first : last;  // two nodes are no range
    text += text.empty() ? "" : ", ";
    text += first == last ? fmt::format("{}", nodes[first])
                          : fmt::format("{}-{}", nodes[first], nodes[last]);
    text += first == last || step == 1 ? "" : fmt::format(":{}", step);
    first = last + 1;
  }
  return text;
}

}  // namespace towtank
