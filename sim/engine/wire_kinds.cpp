#include "sim/engine/wire_kinds.hpp"

#include <map>
#include <tuple>

namespace towtank {
namespace {

/// Of the fabric or not, medium, name; a port's name is that of its medium.
using Key = std::tuple<bool, Medium, std::string>;

Key key_of(const Wire& wire) {
  const bool is_port = wire.rank >= 0;
  return {!is_port, wire.medium, is_port ? std::string(name(wire.medium)) : wire.name};
}

}  // namespace

WireKinds wire_kinds(const OpGraph& graph) {
  std::map<Key, int> numbers;
  WireKinds result;
  result.of_wire.reserve(graph.wires.size());
  for (const Wire& wire : graph.wires) {
    const Key key = key_of(wire);
    const auto [entry, is_new] = numbers.try_emplace(key, static_cast<int>(result.kinds.size()));
    if (is_new) {
      result.kinds.push_back({.name = std::get<std::string>(key), .medium = wire.medium});
      result.ports += wire.rank >= 0 ? 1 : 0;
    }
    result.of_wire.push_back(entry->second);
  }
  return result;
}

}  // namespace towtank
