// towtank network FILE: what collectives take on a cluster, as nccl-tests would print it; several
// groups at once, or with sizes of their own for all pairs.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
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
  int groups = 1;
  int stride = 1;
  std::string matrix;
  std::string from = "8";
  std::string to = "8GiB";
  double factor = 2.0;
  std::string algorithm;
  std::string protocol;
  std::string host_copy;
  bool no_in_switch = false;
  bool in_network = false;
  std::vector<std::string> overrides;
  bool unfolded = false;
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
  if (!std::isfinite(options.factor) || options.factor <= 1.0) {
    throw UsageError("towtank network: --factor must be a number more than 1",
                     "--factor 2 doubles the size");
  }
  constexpr double kMostSizes = 1000.0;
  if (std::log(to / from) / std::log(options.factor) >= kMostSizes) {
    throw UsageError(fmt::format("towtank network: --factor {} gives more than 1,000 sizes from {} "
                                 "to {}",
                                 options.factor,
                                 options.from,
                                 options.to),
                     "--factor 2 doubles the size");
  }
  std::vector<Bytes> sizes;
  for (Bytes size = from; size <= to; size *= options.factor) {
    sizes.push_back(size);  // NOLINT(performance-inefficient-vector-operation): count not known
  }
  return sizes;
}

/// Of each group.
int ranks_of(const NetworkOptions& options, const Cluster& cluster) {
  if (options.groups < 1 || options.stride < 1) {
    throw UsageError("towtank network: --groups and --stride are 1 or more", "--groups 32");
  }
  const std::string has =
      fmt::format("{} has {} GPUs, {} a node", options.file, cluster.gpus(), cluster.gpus_per_node);
  // Groups stand in blocks, `stride` of them in each: the last block may not be full.
  const std::int64_t stride = options.stride;
  const std::int64_t blocks = (options.groups + stride - 1) / stride;
  auto ranks = static_cast<int>(cluster.gpus() / (stride * blocks));
  if (options.ranks != "all") {
    const char* const end = options.ranks.data() + options.ranks.size();
    const auto [stop, error] = std::from_chars(options.ranks.data(), end, ranks);
    if (error != std::errc() || stop != end || ranks < 2 || ranks > cluster.gpus()) {
      throw UsageError(fmt::format("towtank network: --ranks '{}' is not 2 to {}, nor all",
                                   options.ranks,
                                   cluster.gpus()),
                       has);
    }
  }
  // Before they are counted: no product of the three is beyond its type.
  const double most = static_cast<double>(ranks) * options.groups * options.stride;
  if (ranks < 2 || most > 1e9 ||
      gpus_spanned(options.groups, ranks, options.stride) > cluster.gpus()) {
    throw UsageError(
        fmt::format("towtank network: {} groups of {} ranks, {} GPUs apart, do not fit",
                    options.groups,
                    ranks,
                    options.stride),
        has);
  }
  return ranks;
}

NetworkQuestion question_of(const NetworkOptions& options, const Cluster& cluster) {
  NetworkQuestion question{
      .collectives = {},
      .ranks = ranks_of(options, cluster),
      .sizes = sizes_of(options),
      .wishes = {.in_switch = !options.no_in_switch, .in_network = options.in_network},
      .groups = options.groups,
      .stride = options.stride,
      .folding = options.unfolded ? Folding::kUnfolded : Folding::kFolded,
      .host_copy = options.host_copy.empty() ? Bytes() : size_of("--host-copy", options.host_copy)};
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

/// A matrix says who sends how much to whom. UsageError naming what is given and says so too.
void refuse_beside_matrix(const CLI::App& command) {
  std::string given;
  for (const char* const option : {"--collective",
                                   "--ranks",
                                   "--groups",
                                   "--stride",
                                   "--from",
                                   "--to",
                                   "--factor",
                                   "--algorithm",
                                   "--no-in-switch",
                                   "--in-network",
                                   "--host-copy"}) {
    if (command.count(option) > 0) {
      given += (given.empty() ? "" : ", ") + std::string(option);
    }
  }
  if (!given.empty()) {
    throw UsageError("towtank network: --matrix says who sends what to whom; no place for " + given,
                     "beside it may stand --protocol, --no-fold, --json and --set");
  }
}

/// On stderr: what the cluster says and the answer does not feel.
void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) {
    fmt::print(stderr, "towtank: note: {}\n", note);
  }
}

/// What every pair sends stands in a file.
void show_pairs(const NetworkOptions& options,
                const Cluster& cluster,
                const Profile& profile,
                Colour colour) {
  const ByteMatrix matrix = read_byte_matrix(options.matrix);
  if (matrix.size > cluster.gpus()) {
    throw InputError(
        {.file = options.matrix},
        fmt::format("has {} rows, and {} has {} GPUs", matrix.size, options.file, cluster.gpus()),
        "--set cluster.nodes=... makes the cluster larger");
  }
  NetworkOptions first = options;
  first.ranks = std::to_string(matrix.size);
  const NetworkQuestion question = question_of(first, cluster);
  constexpr int kMany = 256;
  if (matrix.size > kMany) {
    announce(fmt::format("simulating the pairs of {} GPUs", matrix.size));
  }
  const PairsReport report =
      pairs_report(cluster, profile, matrix, options.matrix, question.wishes, question.folding);
  print_notes(report.notes);
  print(options.json ? pairs_json(report) : pairs_text(report, colour));
}

void show_network(const NetworkOptions& options, Colour colour) {
  const Cluster cluster = read_cluster_file(options.file, parse_overrides(options.overrides));
  const Profile profile = read_profile(profile_directory(options.file), cluster.gpu);
  if (cluster.gpus() < 2) {
    throw UsageError(
        "towtank network: " + options.file + " has one GPU, which has no one to talk to",
        "--set cluster.nodes=2");
  }
  if (!options.matrix.empty()) {
    show_pairs(options, cluster, profile, colour);
    return;
  }
  const NetworkReport report = network_report(cluster, profile, question_of(options, cluster));
  print_notes(report.notes);
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
  command->add_option("--ranks", options->ranks, "N GPUs, from the first on, node by node [all]")
      ->type_name("N");
  command
      ->add_option(
          "--groups", options->groups, "So many groups of N GPUs, all at the same time [1]")
      ->type_name("G");
  command
      ->add_option("--stride",
                   options->stride,
                   "A group takes every S-th GPU, other groups those between [1]")
      ->type_name("S");
  command
      ->add_option("--matrix",
                   options->matrix,
                   "An all-to-all instead, with the bytes of every pair: a line a sender")
      ->type_name("CSV");
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
  command
      ->add_option("--host-copy",
                   options->host_copy,
                   "Meanwhile every GPU copies so much to its host's memory, and back")
      ->type_name("SIZE");
  command->add_flag(
      "--no-fold", options->unfolded, "Simulate every GPU by itself (small groups only)");
  add_overrides(*command, options->overrides);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, command, &invocation] {
    if (!options->matrix.empty()) {
      refuse_beside_matrix(*command);
    }
    show_network(*options, invocation.colour);
  });
}

}  // namespace towtank
