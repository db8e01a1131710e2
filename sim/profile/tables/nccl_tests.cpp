#include "sim/profile/tables/nccl_tests.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

constexpr std::size_t kMostMistakes = 10;
constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

/// A test of nccl-tests. The factor is bus bandwidth over algorithm bandwidth among n ranks:
/// steps * (n-1)/n, or 1 for steps = 0.
struct Test {
  std::string_view name;      // of the program, without _perf
  std::string_view spelling;  // without punctuation, as file names may have it
  std::optional<OpKind> kind;
  int steps = 0;
  bool reduces = false;
  bool rooted = false;
};
constexpr std::array kTests = {
    Test{"all_reduce", "allreduce", OpKind::kAllReduce, 2, true, false},
    Test{"all_gather", "allgather", OpKind::kAllGather, 1, false, false},
    Test{"reduce_scatter", "reducescatter", OpKind::kReduceScatter, 1, true, false},
    Test{"alltoall", "alltoall", OpKind::kAllToAll, 1, false, false},
    Test{"sendrecv", "sendrecv", OpKind::kSendRecv, 0, true, false},  // prints an unused operator
    Test{"broadcast", "broadcast", OpKind::kBroadcast, 0, false, true},
    Test{"hypercube", "hypercube", std::nullopt, 1, false, false},
    Test{"gather", "gather", std::nullopt, 1, false, true},
    Test{"scatter", "scatter", std::nullopt, 1, false, true},
    Test{"reduce", "reduce", std::nullopt, 0, true, true}};

double bus_factor(const Test& test, std::size_t ranks) {
  const double n = static_cast<double>(ranks);
  return test.steps == 0 ? 1.0 : test.steps * (n - 1.0) / n;
}

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return words;
}

template <typename Number>
std::optional<Number> number(std::string_view word) {
  Number value{};
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  if (error != std::errc() || stop != end) {
    return std::nullopt;
  }
  return value;
}

/// A printed figure, and by how much the true one may differ from it.
struct Rounded {
  double value = 0.0;
  double half_unit = 0.0;  // of the last printed digit
};

std::optional<Rounded> rounded(std::string_view word) {
  const std::optional<double> value = number<double>(word);
  if (!value || !std::isfinite(*value) || *value < 0.0) {
    return std::nullopt;
  }
  const std::size_t point = word.find('.');
  const std::size_t exponent = std::min(word.find_first_of("eE"), word.size());
  const double decimals = point < exponent ? static_cast<double>(exponent - point) - 1.0 : 0.0;
  const double power =
      exponent < word.size() ? number<double>(word.substr(exponent + 1)).value_or(0.0) : 0.0;
  return Rounded{*value, 0.5 * std::pow(10.0, power - decimals)};
}

/// Where a table's columns are. One of the places below is absent where a version does not print
/// it.
struct Columns {
  struct Side {  // out of place, or in place
    std::size_t time = kAbsent;
    std::size_t algbw = kAbsent;
    std::size_t busbw = kAbsent;
    std::size_t wrong = kAbsent;
  };
  std::size_t count = 0;
  std::size_t size = kAbsent;
  std::size_t type = kAbsent;
  std::size_t redop = kAbsent;
  std::size_t root = kAbsent;
  std::vector<Side> sides;
};

bool complete(const Columns& columns) {
  return columns.size != kAbsent && columns.type != kAbsent && !columns.sides.empty() &&
         std::ranges::all_of(columns.sides, [](const Columns::Side& side) {
           return side.algbw != kAbsent && side.busbw != kAbsent;
         });
}

/// `names` are the words of the line "# size count type ...", without the '#'.
Columns columns_named(std::span<const std::string_view> names) {
  Columns columns = {.count = names.size(), .sides = {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = names[i];
    if (name == "time") {
      columns.sides.push_back({.time = i});
    } else if (name == "size") {
      columns.size = i;
    } else if (name == "type") {
      columns.type = i;
    } else if (name == "redop") {
      columns.redop = i;
    } else if (name == "root") {
      columns.root = i;
    } else if (!columns.sides.empty()) {
      Columns::Side& side = columns.sides.back();
      std::size_t& place = name == "algbw" ? side.algbw : name == "busbw" ? side.busbw : side.wrong;
      if (name == "algbw" || name == "busbw" || name == "#wrong") {
        place = i;
      }
    }
  }
  return columns;
}

struct Row {
  std::size_t line = 0;
  std::int64_t size = 0;
  std::string_view type = {};
  std::string_view redop = {};  // empty: not printed
  std::optional<int> root = {};
  Seconds time = {};
  Rounded algbw = {};
  Rounded busbw = {};
};

/// One run of one test.
struct Run {
  std::size_t line = 0;                                 // where it starts
  std::string_view test = {};                           // as the run names it; empty: it does not
  std::map<std::int64_t, std::string_view> hosts = {};  // of each rank
  std::optional<Columns> columns = {};
  bool ended = false;  // its last row was seen
  std::vector<Row> rows = {};
};

std::optional<Precision> precision_of(std::string_view type) {
  if (type == "float") {
    return Precision::kFp32;
  }
  if (type == "half" || type == "bfloat16") {
    return Precision::kBf16;
  }
  if (type == "int8" || type == "uint8") {
    return Precision::kInt8;
  }
  if (type == "f8e4m3" || type == "f8e5m2" || type == "fp8_e4m3" || type == "fp8_e5m2") {
    return Precision::kFp8;
  }
  return std::nullopt;
}

/// 22304 -> "2.23.4", as NCCL numbers its versions from 2.9 on.
std::string version_text(int code) {
  return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
}

/// A line without the mark that `mpirun --tag-output` puts before it: "[1,0]<stdout>:".
std::string_view untagged(std::string_view line) {
  constexpr std::string_view kTag = "<stdout>:";
  const std::size_t tag = line.starts_with('[') ? line.find(kTag) : std::string_view::npos;
  return tag == std::string_view::npos ? line : line.substr(tag + kTag.size());
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file) : text_(text), file_(file) {
    table_.file = file;
    table_.kind = "nccl-tests";
  }

  SampleTable read() {
    std::size_t start = 0;
    while (start < text_.size() && mistakes_.size() < kMostMistakes) {
      const std::size_t end = std::min(text_.find('\n', start), text_.size());
      ++line_;
      read_line(untagged(text_.substr(start, end - start)));
      start = end + 1;
    }
    runs_.push_back(std::move(run_));
    std::erase_if(runs_, [](const Run& run) { return run.rows.empty() && !run.columns; });
    if (runs_.empty()) {
      mistake(1, "no table of nccl-tests here", "give the whole text that the test printed");
    }
    throw_if_any();
    for (const Run& run : runs_) {
      add_samples(run);
    }
    throw_if_any();
    return std::move(table_);
  }

 private:
  void mistake(std::size_t line, std::string message, std::string hint = {}) {
    mistakes_.push_back({.place = {.file = file_, .line = static_cast<int>(line)},
                         .message = std::move(message),
                         .hint = std::move(hint)});
  }

  void throw_if_any() const {
    if (!mistakes_.empty()) {
      throw InputError(mistakes_);
    }
  }

  void skip(const std::string& reason) {
    const auto known = std::ranges::find(table_.skipped, reason, &SkippedRows::reason);
    if (known != table_.skipped.end()) {
      ++known->rows;
    } else {
      table_.skipped.push_back({.reason = reason, .rows = 1});
    }
  }

  void read_line(std::string_view line) {
    std::vector<std::string_view> words = words_of(line);
    if (words.empty()) {
      return;
    }
    if (words[0].starts_with('#')) {
      words[0].remove_prefix(1);
      if (words[0].empty()) {
        words.erase(words.begin());
      }
      if (!words.empty()) {
        read_comment(words);
      }
    } else if (run_.columns && !run_.ended && line.find(" NCCL ") == std::string_view::npos) {
      read_row(words);  // NCCL's own messages may stand between rows
    }
  }

  void read_comment(std::span<const std::string_view> words) {
    const std::string_view first = words[0];
    const bool starting = words.size() >= 4 && first == "Collective" && words[2] == "starting:";
    if (starting || (first == "nThread" && (!run_.hosts.empty() || run_.columns))) {
      runs_.push_back(std::exchange(run_, {.line = line_}));
    }
    if (starting) {
      run_.test = words[3];
    } else if (first == "Rank") {
      read_rank(words);
    } else if (first == "size" && words.size() > 1 && words[1] == "count") {
      read_header(words);
    } else if (first == "nccl-tests") {
      read_version(words);
    } else if (first == "Out" || first == "Avg") {
      run_.ended = true;
    }
  }

  void read_header(std::span<const std::string_view> words) {
    run_.columns = columns_named(words);
    if (!complete(*run_.columns)) {
      mistake(line_,
              "this header of nccl-tests lacks a column",
              "Towtank reads size, type, time, algbw and busbw");
      run_.ended = true;
    }
  }

  /// "nccl-tests version 2.13.9 nccl-headers=22304 nccl-library=22304".
  void read_version(std::span<const std::string_view> words) {
    constexpr std::string_view kLibrary = "nccl-library=";
    for (const std::string_view word : words) {
      const std::optional<int> code =
          word.starts_with(kLibrary) ? number<int>(word.substr(kLibrary.size())) : std::nullopt;
      if (code && *code > 0) {
        table_.version = version_text(*code);
      }
    }
  }

  /// "Rank  0 Group  0 Pid 81 on node-a device  0 [0x1b] NVIDIA H100 80GB HBM3"; older versions
  /// print no group.
  void read_rank(std::span<const std::string_view> words) {
    const auto after = [words](std::string_view key) {
      const auto found = std::ranges::find(words, key);
      const auto at = static_cast<std::size_t>(found - words.begin()) + 1;
      return at < words.size() ? words[at] : std::string_view();
    };
    const std::optional<std::int64_t> rank = number<std::int64_t>(after("Rank"));
    const std::string_view host = after("on");
    if (!rank || *rank < 0 || host.empty()) {
      mistake(
          line_, "this line names no rank and host", "expected '# Rank 0 ... on HOST device 0'");
      return;
    }
    if (words[2] == "Group" && after("Group") != "0") {
      mistake(line_,
              "several groups ran side by side, each in the others' way",
              "run the test without NCCL_TESTS_SPLIT");
      return;
    }
    if (!run_.hosts.emplace(*rank, host).second) {
      mistake(line_,
              fmt::format("rank {} is listed twice", *rank),
              "build nccl-tests with MPI=1, or its processes do not know each other");
    }
    read_device(words);
  }

  void read_device(std::span<const std::string_view> words) {
    std::string device;
    bool named = false;
    for (const std::string_view word : words) {
      if (named) {
        device += device.empty() ? "" : " ";
        device += word;
      }
      named = named || word.starts_with('[');
    }
    if (table_.device.empty()) {
      table_.device = device;
    } else if (!device.empty() && device != table_.device) {
      mistake(line_,
              fmt::format("rank on {}, others on {}", shown(device), shown(table_.device)),
              "Towtank's profiles describe one GPU model each");
    }
  }

  void read_row(std::span<const std::string_view> words) {
    const Columns& columns = *run_.columns;
    if (words.size() != columns.count) {
      mistake(line_,
              fmt::format("{} columns, where the header has {}", words.size(), columns.count),
              "give the text as nccl-tests printed it");
      return;
    }
    Row row = {.line = line_, .type = words[columns.type]};
    const std::optional<std::int64_t> size = number<std::int64_t>(words[columns.size]);
    if (!size || *size < 0) {
      mistake(line_, fmt::format("'{}' is no size in bytes", shown(words[columns.size])));
      return;
    }
    row.size = *size;
    row.redop = columns.redop == kAbsent ? std::string_view() : words[columns.redop];
    if (columns.root != kAbsent) {
      row.root = number<int>(words[columns.root]);
      if (!row.root) {
        mistake(line_, fmt::format("'{}' is no rank", shown(words[columns.root])));
        return;
      }
    }
    read_times(words, row);
  }

  /// Out of place, or in place where that was not run.
  void read_times(std::span<const std::string_view> words, const Row& row) {
    for (const Columns::Side& side : run_.columns->sides) {
      if (words[side.time] == "N/A") {
        continue;
      }
      if (row.size == 0) {
        skip("no data was moved");
      } else if (is_wrong(words, side)) {
        skip("nccl-tests found the result wrong");
      } else {
        read_side(words, side, row);
      }
      return;
    }
    skip("no time (N/A)");
  }

  static bool is_wrong(std::span<const std::string_view> words, const Columns::Side& side) {
    return side.wrong != kAbsent && words[side.wrong] != "N/A" && words[side.wrong] != "0";
  }

  void read_side(std::span<const std::string_view> words, const Columns::Side& side, Row row) {
    const std::optional<Rounded> time = rounded(words[side.time]);
    const std::optional<Rounded> algbw = rounded(words[side.algbw]);
    const std::optional<Rounded> busbw = rounded(words[side.busbw]);
    if (!time || !algbw || !busbw || time->value <= time->half_unit) {
      mistake(line_,
              fmt::format("time '{}', algbw '{}', busbw '{}': not all are numbers of use",
                          shown(words[side.time]),
                          shown(words[side.algbw]),
                          shown(words[side.busbw])));
      return;
    }
    // B/us is MB/s. Times are rounded too: the bandwidth lies between what their limits give.
    const double bytes = static_cast<double>(row.size);
    const double least = bytes / (time->value + time->half_unit) / 1e3 - 1.02 * algbw->half_unit;
    const double most = bytes / (time->value - time->half_unit) / 1e3 + 1.02 * algbw->half_unit;
    if (algbw->value < least || algbw->value > most) {
      mistake(line_,
              fmt::format("{} B in {} us are {:.2f} GB/s, not {}",
                          row.size,
                          words[side.time],
                          bytes / time->value / 1e3,
                          words[side.algbw]),
              "the row was changed, or is not of nccl-tests");
      return;
    }
    row.time = time->value * microsecond;
    row.algbw = *algbw;
    row.busbw = *busbw;
    run_.rows.push_back(row);
  }

  // What a run's rows mean.

  /// The ranks' hosts must be known, all of them, and evenly filled. Their number, or 0.
  std::int64_t nodes_of(const Run& run) {
    const std::size_t ranks = run.hosts.size();
    if (ranks < 2) {
      mistake(run.line + 1,
              ranks == 0 ? "no line names the ranks" : "one rank has nobody to talk to",
              "expected lines '# Rank 0 ... on HOST device 0', two or more");
      return 0;
    }
    std::map<std::string_view, std::size_t> on_host;
    for (const auto& [rank, host] : run.hosts) {
      ++on_host[host];
    }
    if (run.hosts.rbegin()->first != static_cast<std::int64_t>(ranks) - 1) {
      mistake(run.line + 1, "the list of ranks has gaps", "give the whole text that was printed");
      return 0;
    }
    if (std::ranges::any_of(on_host, [ranks, hosts = on_host.size()](const auto& host) {
          return host.second * hosts != ranks;
        })) {
      mistake(run.line + 1,
              fmt::format("{} ranks lie unevenly on {} hosts", ranks, on_host.size()),
              "a collective's shape has the same number of ranks on every node");
      return 0;
    }
    return static_cast<std::int64_t>(on_host.size());
  }

  /// Whether a row can be of a test: the ratio of its bandwidths, within their rounding.
  static bool ratio_fits(const Row& row, const Test& test, std::size_t ranks) {
    const double factor = bus_factor(test, ranks);
    const double slack = 1.02 * (row.busbw.half_unit + factor * row.algbw.half_unit);
    return std::abs(row.busbw.value - factor * row.algbw.value) <= slack;
  }

  static bool fits(const Row& row, const Test& test, std::size_t ranks) {
    const bool reduces_fits = row.redop.empty() || (row.redop != "none") == test.reduces ||
                              test.kind == OpKind::kSendRecv;
    const bool root_fits = !row.root || (*row.root >= 0) == test.rooted;
    return reduces_fits && root_fits && ratio_fits(row, test, ranks);
  }

  /// The test's name as the run or the file gives it.
  std::string_view given_name(const Run& run) const {
    if (!run.test.empty()) {
      return run.test;
    }
    if (runs_.size() > 1) {
      return {};
    }
    const std::string_view path = file_;
    const std::size_t slash = path.find_last_of('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
  }

  /// The first test whose name is part of `text`, punctuation aside; null when none is. Tests that
  /// are not modelled have everyday names: they count only with their "_perf".
  static const Test* test_named(std::string_view text) {
    std::string letters(text);
    std::erase_if(letters, [](char c) { return c == '_' || c == '-' || c == ' '; });
    const auto found = std::ranges::find_if(kTests, [&letters](const Test& test) {
      const std::string spelling = std::string(test.spelling) + (test.kind ? "" : "perf");
      return letters.find(spelling) != std::string::npos;
    });
    return found == kTests.end() ? nullptr : &*found;
  }

  /// The run's collective; null, and a mistake, when it cannot be told or is not modelled.
  const Test* test_of(const Run& run) {
    const std::size_t ranks = run.hosts.size();
    if (const Test* named = test_named(given_name(run))) {
      for (const Row& row : run.rows) {
        if (!ratio_fits(row, *named, ranks)) {
          mistake(row.line,
                  fmt::format("busbw {:.2f} is not {:.4f} times algbw {:.2f}, as for {}_perf of {} "
                              "ranks",
                              row.busbw.value,
                              bus_factor(*named, ranks),
                              row.algbw.value,
                              named->name,
                              ranks),
                  "name the file after the test that printed it");
          return nullptr;
        }
      }
      return modelled(*named, run);
    }
    return test_by_rows(run);
  }

  const Test* test_by_rows(const Run& run) {
    std::vector<const Test*> possible;
    for (const Test& test : kTests) {
      if (std::ranges::all_of(run.rows, [&test, &run](const Row& row) {
            return fits(row, test, run.hosts.size());
          })) {
        possible.push_back(&test);
      }
    }
    // Hypercube looks like an all-gather, and nobody runs it.
    std::erase_if(possible, [](const Test* test) { return test->name == "hypercube"; });
    if (possible.size() == 1) {
      return modelled(*possible[0], run);
    }
    std::string names;
    for (const Test* test : possible) {
      names += fmt::format("{}{}_perf", names.empty() ? "" : " and ", test->name);
    }
    mistake(run.rows.front().line,
            possible.empty() ? "no test of nccl-tests has such operators, roots and bandwidths"
                             : fmt::format("these rows can be of {}", names),
            "name the file after the test, as in all_gather_perf.txt");
    return nullptr;
  }

  const Test* modelled(const Test& test, const Run& run) {
    if (!test.kind) {
      mistake(run.line + 1,
              fmt::format("{}_perf: this collective is not modelled", test.name),
              "modelled are all_reduce, all_gather, reduce_scatter, alltoall, sendrecv, broadcast");
      return nullptr;
    }
    return &test;
  }

  void add_samples(const Run& run) {
    if (run.rows.empty()) {
      if (table_.skipped.empty()) {
        mistake(run.line + 1, "this run has no rows", "it seems to have failed");
      }
      return;
    }
    const std::int64_t nodes = nodes_of(run);
    const Test* test = nodes == 0 ? nullptr : test_of(run);
    if (test == nullptr) {
      return;
    }
    for (const Row& row : run.rows) {
      const std::optional<Precision> precision = precision_of(row.type);
      if (!precision) {
        skip(fmt::format("element type {}", shown(row.type, 20)));
        continue;
      }
      const CollectiveShape shape = {
          .ranks = static_cast<std::int64_t>(run.hosts.size()), .nodes = nodes, .bytes = row.size};
      table_.samples.push_back(
          {.op = {.kind = *test->kind, .precision = *precision, .shape = shape},
           .library = "nccl",
           .time = row.time,
           .line = row.line});
    }
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t line_ = 0;
  Run run_;
  std::vector<Run> runs_;
  std::vector<Diagnostic> mistakes_;
  SampleTable table_;
};

}  // namespace

bool looks_like_nccl_tests(std::string_view first_bytes) {
  constexpr std::size_t kEnough = 1 << 16;
  const auto has = [text = first_bytes.substr(0, kEnough)](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  return has("# Collective test starting:") || (has("# nThread") && has("minBytes")) ||
         (has("algbw") && has("busbw") && has("(GB/s)"));
}

SampleTable read_nccl_tests(std::string_view text, const std::string& file) {
  return Reader(text, file).read();
}

}  // namespace towtank
