#include "sim/scenario/fabric_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sim/scenario/cluster_file.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostRadix = 4096;
constexpr std::int64_t kMostPerSwitch = 4096;
constexpr std::int64_t kMostGroups = 1 << 20;
constexpr std::int64_t kMostCards = 64;  // of a GPU

int to_int(std::int64_t value) {
  return static_cast<int>(value);
}

/// The words of an enumeration, in its order.
template <typename Kind, int kCount>
std::vector<std::string> words_of() {
  std::vector<std::string> words;
  words.reserve(kCount);
  for (int i = 0; i < kCount; ++i) {
    words.emplace_back(name(static_cast<Kind>(i)));
  }
  return words;
}

template <typename Kind, int kCount>
Kind kind_or(TomlTable& table, std::string_view key, Kind fallback) {
  const std::vector<std::string> words = words_of<Kind, kCount>();
  const std::string word = table.word_or(key, std::string(name(fallback)), words);
  return static_cast<Kind>(std::ranges::find(words, word) - words.begin());
}

bool is_tree(FabricKind kind) {
  return kind == FabricKind::kFatTree || kind == FabricKind::kRailOptimised ||
         kind == FabricKind::kMultiPlane;
}

/// Which keys mean something, by the kind of fabric.
class KeysOfKind {
 public:
  KeysOfKind(TomlTable& table, FabricKind kind, Mistakes& mistakes)
      : table_(table), kind_(kind), mistakes_(mistakes) {}

  /// Whether the key may be read; it is a mistake where it means nothing. `whose`: to what, unless
  /// it is the kind of fabric.
  bool belongs(std::string_view key, bool means_something, const std::string& whose = "") {
    if (means_something || !table_.holds(key)) {
      return means_something;
    }
    table_.optional_table(key);  // counts as read, whatever it holds
    mistakes_.explain_away(fmt::format("{}.{}", table_.path(), key));
    if (!table_.sound("kind")) {
      return false;  // it may mean something to the kind that was meant
    }
    table_.mistake(
        key,
        fmt::format("'{}.{}' means nothing to {}",
                    table_.path(),
                    key,
                    whose.empty() ? fmt::format("a fabric of kind \"{}\"", name(kind_)) : whose),
        "leave it out, or change that");
    return false;
  }

 private:
  TomlTable& table_;
  FabricKind kind_;
  Mistakes& mistakes_;
};

WireSpec read_wire(TomlTable& table, std::string_view key) {
  auto wire = table.optional_table(key);
  if (!wire) {
    return {};
  }
  const WireSpec spec{.bandwidth = wire->bandwidth("bandwidth"),
                      .latency = wire->time_or("latency", Seconds())};
  wire->finish();
  return spec;
}

DragonflyShape read_dragonfly(TomlTable table) {
  const auto count = [&table](std::string_view key, std::int64_t example) {
    return to_int(table.integer(key, {.least = 1, .most = kMostPerSwitch, .example = example}));
  };
  const DragonflyShape shape{.endpoints = count("endpoints", 16),
                             .switches = count("switches", 32),
                             .global = count("global", 16),
                             .groups = to_int(table.integer_or(
                                 "groups", 0, {.least = 1, .most = kMostGroups, .example = 511}))};
  table.finish();
  return shape;
}

SlimFlyShape read_slim_fly(TomlTable table) {
  const SlimFlyShape shape{
      .q = to_int(table.integer("q", {.least = 3, .most = 128, .example = 13})),
      .endpoints = to_int(
          table.integer_or("endpoints", 0, {.least = 1, .most = kMostPerSwitch, .example = 10}))};
  table.finish();
  return shape;
}

TorusShape read_torus(TomlTable table) {
  TorusShape shape{.endpoints = to_int(table.integer_or(
                       "endpoints", 1, {.least = 1, .most = kMostPerSwitch, .example = 1}))};
  for (const std::int64_t size :
       table.integers("sizes", {.least = 1, .most = 1 << 20, .example = 8})) {
    shape.sizes.push_back(to_int(size));
  }
  if (shape.sizes.empty() && table.sound("sizes")) {
    table.mistake("sizes", "a torus without sizes", "sizes = [8, 8, 8]");
  }
  table.finish();
  return shape;
}

/// The links of a device, or, with `to`, those between two.
Fault read_fault(TomlTable& table) {
  Fault fault{.devices = {table.text("device", "spine0")}, .place = table.place("device")};
  if (table.has("to")) {
    fault.devices.push_back(table.text("to", "leaf0"));
  }
  fault.factor = table.number("factor", {.least = 0.0, .most = 1.0, .example = 0.5});
  table.finish();
  return fault;
}

PcieSpec read_pcie(TomlTable table) {
  const PcieSpec pcie{
      .generation = to_int(
          table.integer("generation", {.least = kOldestPcie, .most = kNewestPcie, .example = 5})),
      .lanes = to_int(table.integer_or("lanes", 16, {.least = 1, .most = 16, .example = 16})),
      .gpus_per_switch =
          to_int(table.integer_or("gpus_per_switch", 0, {.least = 1, .most = 1024, .example = 2}))};
  table.finish();
  return pcie;
}

/// GPUs' and cards' PCIe: links as the kind of node has them, each with its own speed, or all
/// alike.
void read_host(TomlTable& table, KeysOfKind& keys, FabricSpec& spec) {
  const bool chip_to_chip = spec.node == NodeKind::kNvl72;
  if (keys.belongs("pcie", !chip_to_chip, "nodes whose GPUs reach their hosts by NVLink-C2C")) {
    if (auto pcie = table.optional_table("pcie")) {
      spec.pcie = read_pcie(std::move(*pcie));
    }
  }
  const std::string described = spec.pcie ? "a host whose PCIe is described" : "";
  if (keys.belongs("nic_pcie",
                   spec.node != NodeKind::kPlain && !spec.pcie,
                   spec.pcie ? described : "nodes without PCIe switches")) {
    spec.nic_pcie = read_wire(table, "nic_pcie");
  }
  if (keys.belongs("gpu_pcie", !spec.pcie, described)) {
    spec.gpu_pcie = read_wire(table, "gpu_pcie");
  }
}

/// Tiers whose switches add: all up to the last named, so that what is added below stays one.
void read_adding_tiers(TomlTable& table, FabricSpec& spec) {
  static const std::vector<std::string> kTiers = {"leaf", "spine", "core"};
  if (!table.has("in_network")) {
    return;
  }
  const std::vector<std::string> words = table.words("in_network", kTiers);
  spec.adding_tiers = static_cast<int>(words.size());
  const bool from_leaf_up =
      words.size() <= kTiers.size() && std::equal(words.begin(), words.end(), kTiers.begin());
  if (!from_leaf_up && table.sound("in_network")) {
    table.mistake("in_network",
                  "switches that add above tiers that do not are not modelled",
                  R"(in_network = ["leaf"], ["leaf", "spine"] or ["leaf", "spine", "core"])");
  }
}

NetworkPrices read_prices(TomlTable table) {
  const auto dollars = [&table](std::string_view key, double example) {
    return Dollars(table.number(key, {.most = 1e9, .example = example}));
  };
  NetworkPrices prices{.switch_port = dollars("switch_port", 562.5),
                       .card_cable = dollars("card_cable", 739),
                       .switch_cable = dollars("switch_cable", 1952),
                       .source = table.text("source", "who says so, where")};
  table.finish();
  return prices;
}

fs::path edge_list_path(TomlTable& table,
                        const std::string& spelt,
                        const std::string& scenario_path) {
  const std::string& file = table.place("edges").file;
  std::error_code error;
  const fs::path beside = fs::is_regular_file(file, error) ? file : scenario_path;
  return (beside.parent_path() / spelt).lexically_normal();
}

EdgeList read_edges(TomlTable& table, const std::string& scenario_path, Mistakes& mistakes) {
  const std::string spelt = table.text("edges", "my-network.txt");
  if (spelt.empty()) {
    return {};
  }
  const fs::path path = edge_list_path(table, spelt, scenario_path);
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || !fs::is_regular_file(path, error)) {
    table.mistake("edges",
                  fmt::format("there is no edge list {}", shown(path.string())),
                  "it is sought from the directory of the file that names it");
    return {};
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    return parse_edge_list(text, path.string());
  } catch (const InputError& listed) {
    mistakes.add(listed, table.path() + ".edges");
    return {};
  }
}

void read_tree(TomlTable& table, KeysOfKind& keys, FabricSpec& spec) {
  const bool tree = is_tree(spec.kind);
  const NumberRange ratio{.least = 0.01, .most = 1000.0, .example = 1.0};
  if (keys.belongs("tiers", tree)) {
    spec.tiers = to_int(table.integer_or("tiers", 2, {.least = 1, .most = 3, .example = 2}));
  }
  spec.oversubscription = {1.0, 1.0};
  if (keys.belongs("oversubscription", tree)) {
    spec.oversubscription[0] = table.number_or("oversubscription", 1.0, ratio);
  }
  if (keys.belongs("spine_oversubscription",
                   tree && spec.tiers == 3,
                   tree ? fmt::format("a network of {} tiers", spec.tiers) : "")) {
    spec.oversubscription[1] = table.number_or("spine_oversubscription", 1.0, ratio);
  }
  const bool planes = spec.kind == FabricKind::kMultiPlane;
  if (keys.belongs("planes", planes)) {
    spec.planes = to_int(table.integer("planes", {.least = 1, .most = 1024, .example = 8}));
  }
  const bool rails = planes || spec.kind == FabricKind::kRailOptimised;
  if (keys.belongs("cross_rail", rails)) {
    spec.cross_rail = kind_or<CrossRail, kCrossRails>(table, "cross_rail", CrossRail::kNvlinkLast);
    if (planes && spec.cross_rail == CrossRail::kSpine && table.sound("cross_rail")) {
      table.mistake("cross_rail",
                    "planes are not connected, so traffic cannot change them in the network",
                    "cross_rail = \"nvlink-last\" or \"nvlink-first\"");
    }
  }
}

void read_shape(TomlTable& table,
                KeysOfKind& keys,
                const std::string& scenario_path,
                FabricSpec& spec,
                Mistakes& mistakes) {
  if (keys.belongs("dragonfly", spec.kind == FabricKind::kDragonfly)) {
    spec.dragonfly = read_dragonfly(table.table(
        "dragonfly", "dragonfly = {endpoints = 16, switches = 32, global = 16, groups = 511}"));
  }
  if (keys.belongs("slim_fly", spec.kind == FabricKind::kSlimFly)) {
    spec.slim_fly = read_slim_fly(table.table("slim_fly", "slim_fly = {q = 13}"));
  }
  if (keys.belongs("torus", spec.kind == FabricKind::kTorus)) {
    spec.torus = read_torus(table.table("torus", "torus = {sizes = [8, 8, 8]}"));
  }
  if (keys.belongs("edges", spec.kind == FabricKind::kCustom)) {
    spec.edges = read_edges(table, scenario_path, mistakes);
  }
}

}  // namespace

FabricSpec read_fabric(TomlTable table, const std::string& scenario_path, Mistakes& mistakes) {
  FabricSpec spec;
  spec.place = table.place();
  const std::vector<std::string> kinds = words_of<FabricKind, kFabricKinds>();
  const std::string kind = table.word("kind", kinds);
  spec.kind = static_cast<FabricKind>(std::ranges::find(kinds, kind) - kinds.begin());
  spec.node = kind_or<NodeKind, kNodeKinds>(table, "node", NodeKind::kPlain);
  KeysOfKind keys(table, spec.kind, mistakes);
  const bool has_switches = spec.kind != FabricKind::kNonblocking;
  if (keys.belongs("radix", has_switches)) {
    spec.radix =
        to_int(table.integer_or("radix", 64, {.least = 2, .most = kMostRadix, .example = 64}));
  }
  read_tree(table, keys, spec);
  read_shape(table, keys, scenario_path, spec, mistakes);
  spec.nics_per_gpu =
      to_int(table.integer_or("nics_per_gpu", 1, {.least = 1, .most = kMostCards, .example = 1}));
  spec.gpus_per_nic =
      to_int(table.integer_or("gpus_per_nic", 1, {.least = 1, .most = 1024, .example = 2}));
  if (keys.belongs("link_bandwidth", has_switches) && table.has("link_bandwidth")) {
    spec.link_bandwidth = table.bandwidth("link_bandwidth");
  }
  spec.link_latency = table.time_or("link_latency", Seconds());
  spec.switch_latency = table.time_or("switch_latency", Seconds());
  read_host(table, keys, spec);
  read_adding_tiers(table, spec);
  spec.routing = kind_or<RoutingRule, kRoutingRules>(table, "routing", RoutingRule::kAdaptive);
  spec.seed = static_cast<std::uint64_t>(table.integer_or("seed", 1, {.most = 1'000'000'000}));
  for (TomlTable& fault : table.tables("fault")) {
    spec.faults.push_back(read_fault(fault));
  }
  if (table.has("prices")) {
    spec.prices = read_prices(table.table("prices", ""));
  }
  table.finish();
  return spec;
}

FabricFile read_fabric_file(const std::string& path, const std::vector<Override>& overrides) {
  Cluster cluster = read_cluster_file(path, overrides);
  FabricSpec spec = cluster.fabric.value_or(FabricSpec{.place = {.file = path}});
  return {
      .name = cluster.name,
      .spec = std::move(spec),
      .size = {.nodes = cluster.nodes,
               .gpus_per_node = cluster.gpus_per_node,
               .nvlink = {.bandwidth = cluster.nvlink.bandwidth, .latency = cluster.nvlink.latency},
               .nic = {.bandwidth = cluster.nic.bandwidth, .latency = cluster.nic.latency}}};
}

}  // namespace towtank
