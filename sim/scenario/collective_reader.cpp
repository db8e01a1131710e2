#include "sim/scenario/collective_reader.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace towtank {
namespace {

/// The algorithms that can run such a collective on some group.
std::vector<std::string> algorithms_for(Collective kind) {
  std::vector<std::string> words;
  for (const Algorithm algorithm : kAlgorithms) {
    const auto runs = [algorithm, kind](int nodes) {
      return why_not(algorithm,
                     {.kind = kind, .bytes = Bytes(1.0), .members = even_members(nodes, 4)})
          .empty();
    };
    if (algorithm != Algorithm::kInNetwork && (runs(1) || runs(2))) {
      words.emplace_back(name(algorithm));
    }
  }
  return words;
}

/// Whether gradients or parameters of such a plan move by this collective.
bool is_used(Collective kind, const Sharding& sharding) {
  const bool sharded = sharding.zero_stage > 0;
  return kind == Collective::kAllReduce ? !sharded || sharding.in_groups : sharded;
}

std::optional<Algorithm> read_algorithm(TomlTable& table,
                                        Collective kind,
                                        const Sharding& sharding) {
  std::string key(name(kind));
  std::ranges::replace(key, '-', '_');
  if (!table.has(key)) {
    return std::nullopt;
  }
  const std::string word = table.word(key, algorithms_for(kind));
  if (!is_used(kind, sharding)) {
    table.mistake(key,
                  fmt::format("a plan with zero = {} has no {}", sharding.zero_stage, name(kind)),
                  kind == Collective::kAllReduce
                      ? "gradients are reduce-scattered and parameters gathered: force these"
                      : "gradients are all-reduced: force all_reduce");
  }
  const auto* const found = std::ranges::find_if(
      kAlgorithms, [&word](Algorithm algorithm) { return name(algorithm) == word; });
  return found == kAlgorithms.end() ? std::nullopt : std::optional(*found);
}

std::optional<Protocol> read_protocol(TomlTable& table) {
  if (!table.has("protocol")) {
    return std::nullopt;
  }
  std::vector<std::string> words;
  words.reserve(kProtocols.size());
  for (const Protocol protocol : kProtocols) {
    words.emplace_back(name(protocol));
  }
  const std::string word = table.word("protocol", words);
  return kProtocols.at(static_cast<std::size_t>(std::ranges::find(words, word) - words.begin()));
}

}  // namespace

CollectivePlan read_collectives(TomlTable& plan, const Sharding& sharding) {
  auto table = plan.optional_table("collectives");
  if (!table) {
    return {};
  }
  const bool in_switch = table->flag_or("in_switch", true);
  if (!in_switch && !is_used(Collective::kAllReduce, sharding)) {
    table->mistake(
        "in_switch",
        fmt::format("a plan with zero = {} has no all-reduce, which alone may be left to "
                    "NVSwitches",
                    sharding.zero_stage),
        "leave it out");
  }
  CollectivePlan collectives{
      .all_reduce = read_algorithm(*table, Collective::kAllReduce, sharding),
      .all_gather = read_algorithm(*table, Collective::kAllGather, sharding),
      .reduce_scatter = read_algorithm(*table, Collective::kReduceScatter, sharding),
      .protocol = read_protocol(*table),
      .in_switch = in_switch,
      .places = {}};
  for (const std::string& key : table->keys()) {
    collectives.places[key] = table->place(key);
  }
  table->finish();
  return collectives;
}

}  // namespace towtank
