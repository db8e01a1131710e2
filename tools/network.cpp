// towtank network FILE: what collectives take on a cluster, as nccl-tests would print it.
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/network_json.hpp"
#include "reports/network_text.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/profile.hpp"
#include "sim/scenario/cluster_file.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"
#include "tools/network_report.hpp"

namespace towtank {
namespace {

struct NetworkOptions {
  std::string file;
  std::vector<std::string> collectives = {"all-reduce"};
  std::string ranks = "all";
  std::string from = "8";
  std::string to = "8GiB";
  double factor = 2.0;
  std::string algorithm;
  std::string protocol;
  bool no_in_switch = false;
  bool in_network = false;
  std::vector<std::string> overrides;
  bool json = false;
};

/// The value of which `word` is the name. UsageError with the nearest name.
template <typename Value, typename Values>
Value named(const std::string& option, const std::string& word, const Values& values) {
  std::vector<std::string> known;
  for (const Value value : values) {
    if (name(value) == word) {
      return value;
    }
    known.emplace_back(name(value));
  }
  throw UsageError(fmt::format("towtank network: {} has no '{}'", option, word),
                   suggest(word, known));
}

/// "8", "64KiB" or "64 KiB".
Bytes size_of(const std::string& option, const std::string& text) {
  const std::size_t unit = text.find_first_not_of("0123456789.");
  if (unit == std::string::npos) {
    const ParsedQuantity bytes = parse_quantity(text + " B", Dimension::kData);
    if (!bytes.problem && bytes.si >= 1.0) {
      return Bytes(bytes.si);
    }
  } else {
    const std::size_t letters = text.find_first_not_of(' ', unit);
    const ParsedQuantity bytes =
        letters == std::string::npos
            ? ParsedQuantity{.si = 0.0, .problem = QuantityProblem{}}
            : parse_quantity(text.substr(0, unit) + " " + text.substr(letters), Dimension::kData);
    if (!bytes.problem && bytes.si >= 1.0) {
      return Bytes(bytes.si);
    }
  }
  throw UsageError(
      fmt::format("towtank network: {} '{}' is not a size of a byte or more", option, text),
      "write it like 8 or 64KiB");
}

std::vector<Bytes> sizes_of(const NetworkOptions& options) {
  const Bytes from = size_of("--from", options.from);
  const Bytes to = size_of("--to", options.to);
  if (from > to) {
    throw UsageError("towtank network: --from is more than --to", "swap them");
  }
  if (options.factor <= 1.0) {
    throw UsageError("towtank network: --factor must be more than 1",
                     "--factor 2 doubles the size");
  }
  std::vector<Bytes> sizes;
  for (Bytes size = from; size <= to; size *= options.factor) {
    sizes.push_back(size);  // NOLINT(performance-inefficient-vector-operation): count not known
  }
  return sizes;
}

int ranks_of(const NetworkOptions& options, const Cluster& cluster) {
  if (options.ranks == "all") {
    return cluster.gpus();
  }
  int ranks = 0;
  const char* const end = options.ranks.data() + options.ranks.size();
  const auto [stop, error] = std::from_chars(options.ranks.data(), end, ranks);
  if (error != std::errc() || stop != end || ranks < 2 || ranks > cluster.gpus()) {
    throw UsageError(
        fmt::format(
            "towtank network: --ranks '{}' is not 2 to {}, nor all", options.ranks, cluster.gpus()),
        fmt::format(
            "{} has {} GPUs, {} a node", options.file, cluster.gpus(), cluster.gpus_per_node));
  }
  return ranks;
}

NetworkQuestion question_of(const NetworkOptions& options, const Cluster& cluster) {
  NetworkQuestion question{
      .collectives = {},
      .ranks = ranks_of(options, cluster),
      .sizes = sizes_of(options),
      .wishes = {.in_switch = !options.no_in_switch, .in_network = options.in_network}};
  question.collectives.reserve(kCollectives.size());
  for (const std::string& word : options.collectives) {
    if (word == "all") {
      question.collectives.assign(kCollectives.begin(), kCollectives.end());
    } else {
      question.collectives.push_back(named<Collective>("--collective", word, kCollectives));
    }
  }
  if (!options.algorithm.empty()) {
    question.wishes.algorithm = named<Algorithm>("--algorithm", options.algorithm, kAlgorithms);
  }
  if (!options.protocol.empty()) {
    question.wishes.protocol = named<Protocol>("--protocol", options.protocol, kProtocols);
  }
  return question;
}

/// Collectives are timed on sound GPUs and a network whose switches are never full.
void refuse_what_is_not_modelled(const NetworkOptions& options, const Cluster& cluster) {
  if (!cluster.faults.empty()) {
    throw InputError({.file = options.file},
                     "collectives are timed without faults so far, and this cluster has some",
                     "--set cluster.fault=[] leaves them out; `towtank simulate` knows them");
  }
  if (cluster.fabric &&
      (!cluster.fabric->faults.empty() || cluster.fabric->kind != FabricKind::kNonblocking)) {
    throw InputError(cluster.fabric->place,
                     "collectives are timed on a non-blocking network so far, and this cluster "
                     "describes its switches",
                     "--set 'cluster.fabric={kind=\"nonblocking\"}' leaves them out; `towtank "
                     "simulate` and `towtank topology` know them");
  }
}

void show_network(const NetworkOptions& options, Colour colour) {
  const Cluster cluster = read_cluster_file(options.file, parse_overrides(options.overrides));
  const Profile profile = read_profile(profile_directory(options.file), cluster.gpu);
  refuse_what_is_not_modelled(options, cluster);
  if (cluster.gpus() < 2) {
    throw UsageError(
        "towtank network: " + options.file + " has one GPU, which has no one to talk to",
        "--set cluster.nodes=2");
  }
  const NetworkReport report = network_report(cluster, profile, question_of(options, cluster));
  print(options.json ? network_json(report) : network_text(report, colour));
}

}  // namespace

void add_network(CLI::App& program, Invocation& invocation) {
  CLI::App* const command = program.add_subcommand(
      "network", "Time collectives on a cluster, as nccl-tests would print them");
  const auto options = std::make_shared<NetworkOptions>();
  command->add_option("FILE", options->file, "Scenario or cluster file")->required()->type_name("");
  command
      ->add_option("--collective",
                   options->collectives,
                   "all-reduce, all-gather, reduce-scatter, broadcast, reduce, all-to-all, "
                   "send-recv (first to last), or all [all-reduce]")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("WHAT,...");
  command->add_option("--ranks", options->ranks, "The first N GPUs, node by node [all]")
      ->type_name("N");
  command->add_option("--from", options->from, "Smallest size, as nccl-tests counts it [8]")
      ->type_name("SIZE");
  command->add_option("--to", options->to, "Largest size [8GiB]")->type_name("SIZE");
  command->add_option("--factor", options->factor, "From size to size [2]")->type_name("X");
  command
      ->add_option("--algorithm",
                   options->algorithm,
                   "ring, tree, double-tree, halving-doubling, in-switch, in-switch-tree, "
                   "in-network, hierarchical or direct [the fastest of NCCL's]")
      ->type_name("NAME");
  command->add_option("--protocol", options->protocol, "ll, ll128 or simple [the fastest]")
      ->type_name("NAME");
  command->add_flag(
      "--no-in-switch", options->no_in_switch, "NVSwitches do not add (NVLS off, 8-bit integers)");
  command->add_flag("--in-network", options->in_network, "The network's switches can add (SHARP)");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { show_network(*options, invocation.colour); });
}

}  // namespace towtank
