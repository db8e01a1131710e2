#include "tests/sim/collective/reference_points.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/collective/choose.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/text_file.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

fs::path reference() {
  const char* set = std::getenv("TOWTANK_REFERENCE");
  return set != nullptr ? fs::path(set) : fs::path(TOWTANK_SOURCE_DIR) / "../shared/reference";
}

/// A row of a table by the names of its columns.
class Row {
 public:
  Row(const CsvText& table, std::size_t row) : table_(table), row_(row) {}

  std::string text(std::string_view column) const {
    return std::string(table_.field(row_, table_.find_column(column).value()));
  }
  double number(std::string_view column) const {
    return std::strtod(text(column).c_str(), nullptr);
  }
  int integer(std::string_view column) const { return static_cast<int>(number(column)); }

 private:
  const CsvText& table_;
  std::size_t row_;
};

void for_each_row(const std::string& file, const std::function<void(const Row&)>& visit) {
  const std::string path = (reference() / file).string();
  const CsvText table(read_text_file(path), file);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    visit(Row(table, row));
  }
}

const Profile& profile_of(const std::string& gpu) {
  static std::map<std::string, Profile> read;
  auto found = read.find(gpu);
  if (found == read.end()) {
    found = read.emplace(gpu, read_profile(TOWTANK_SOURCE_DIR "/profiles", gpu)).first;
  }
  return found->second;
}

/// A machine of which points are known. The card's speed is a site's, the rest the GPU's.
struct Site {
  std::string gpu;
  int gpus = 8;
  int nodes = 1;
  Bandwidth nic = 50 * GB / second;
};

std::optional<Collective> collective_named(const std::string& name) {
  const std::map<std::string, Collective> known = {{"all_reduce", Collective::kAllReduce},
                                                   {"all_gather", Collective::kAllGather},
                                                   {"reduce_scatter", Collective::kReduceScatter},
                                                   {"broadcast", Collective::kBroadcast},
                                                   {"alltoall", Collective::kAllToAll}};
  const auto found = known.find(name);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

ComparedPoint compare(
    const Site& site, Collective kind, Bytes bytes, Seconds measured, const Wishes& wishes = {}) {
  const Profile& profile = profile_of(site.gpu);
  const CollectiveCall call{
      .kind = kind, .bytes = bytes, .members = even_members(site.nodes, site.gpus / site.nodes)};
  const PortSpeeds speeds{.nvlink = profile.gpu.nvlink, .nic = site.nic};
  const Choice choice = choose(call, profile, speeds, wishes).choice.value();
  return {.what = fmt::format("{} {}, {} GPUs on {}, {}: {} {}",
                              site.gpu,
                              name(kind),
                              site.gpus,
                              site.nodes,
                              format_data(bytes),
                              name(choice.algorithm),
                              name(choice.protocol)),
          .measured = measured,
          .predicted = choice.timing.total()};
}

/// aiconfigurator's NCCL tables: one node, sizes in elements, milliseconds.
std::vector<ComparedPoint> nccl_table(const std::string& gpu,
                                      const std::string& file,
                                      int least,
                                      int most) {
  std::vector<ComparedPoint> points;
  for_each_row("kernels/" + file, [&](const Row& row) {
    const int gpus = row.integer("num_gpus");
    if (gpus < least || gpus > most) {
      return;
    }
    const double element = row.text("nccl_dtype") == "half" ? 2.0 : 1.0;
    // NVLS adds floating-point numbers, not 8-bit integers.
    points.push_back(compare({.gpu = gpu, .gpus = gpus},
                             collective_named(row.text("op_name")).value(),
                             Bytes(row.number("message_size") * element),
                             row.number("latency") * millisecond,
                             {.in_switch = element == 2.0}));
  });
  return points;
}

/// What the tables of single points call a GPU; empty: one that no profile is of.
std::string gpu_named(const std::string& name) {
  const std::map<std::string, std::string> known = {{"H100 SXM", "h100-sxm"},
                                                    {"H100 SXM (VM)", "h100-sxm"},
                                                    {"H200 SXM", "h200-sxm"},
                                                    {"H800 SXM", "h800-sxm"},
                                                    {"A100-80G SXM", "a100-sxm"},
                                                    {"B200 SXM", "b200-sxm"},
                                                    {"GB200", "gb200"}};
  const auto found = known.find(name);
  return found == known.end() ? "" : found->second;
}

/// The site of a row, if the source says enough about it: runs that are mis-tuned or held to few
/// channels measure the tuning, and two A100 clusters do not say how many cards they have.
std::optional<Site> site_of(const Row& row) {
  Site site{.gpu = gpu_named(row.text("gpu"))};
  site.gpus = row.integer("num_gpus");
  site.nodes = row.integer("nodes");
  const std::string network = row.text("network");
  const bool odd = network.find("mis-tuned") != std::string::npos ||
                   row.text("algo") == "16 channels" || (site.gpu == "a100-sxm" && site.nodes > 1);
  if (site.gpu.empty() || site.gpus == 0 || odd) {
    return std::nullopt;
  }
  if (site.gpu == "gb200") {
    site.nodes = (site.gpus + 71) / 72;  // the tables count trays of four
  }
  if (network == "4x CX7") {
    site.nic = site.nic / 2.0;  // two GPUs share a card
  }
  return site;
}

/// Points of one kind of site, from the table of single points. Where it prints busbw alone, the
/// time follows from it; where it prints a peak without a size, the size is 8 GiB.
std::vector<ComparedPoint> single_points(const std::function<bool(const Site&)>& wanted) {
  std::vector<ComparedPoint> points;
  for_each_row("curated/nccl_measured_points.csv", [&](const Row& row) {
    const std::optional<Site> site = site_of(row);
    const std::optional<Collective> kind = collective_named(row.text("collective"));
    if (!site || !kind || !wanted(*site)) {
      return;
    }
    const Bytes bytes = row.text("bytes").empty() ? 8 * GiB : Bytes(row.number("bytes"));
    const Seconds measured =
        row.text("time_us").empty()
            ? bytes * bus_factor(*kind, site->gpus) / (row.number("busbw_GBps") * GB / second)
            : row.number("time_us") * microsecond;
    const std::string how = row.text("algo");
    if (*kind == Collective::kAllGather && how == "NVLS") {
      return;  // forced to what the tuner avoids
    }
    const bool off = how.starts_with("Ring") || how == "NVLS off";
    points.push_back(compare(*site, *kind, bytes, measured, {.in_switch = !off}));
  });
  return points;
}

/// The expert layers for which DeepEP's kernels are made and tuned, or all others.
enum class ExpertShape { kDeepSeekV3, kOther };

bool has_shape(const Row& row, ExpertShape shape) {
  const bool v3 = row.integer("hidden_size") == 7168 && row.integer("num_topk") == 8 &&
                  row.integer("num_experts") == 256;
  return v3 == (shape == ExpertShape::kDeepSeekV3);
}

constexpr double kFp8WithScales = 1.0 + 4.0 / 128.0;  // bytes an element: one FP32 scale per 128

/// DeepEP's low-latency kernels: every token to each of its experts by itself, no duplicates
/// suppressed.
ComparedPoint low_latency(const std::string& gpu,
                          int gpus,
                          double tokens,
                          double hidden,
                          double topk,
                          bool dispatch,
                          Seconds measured) {
  const Profile& profile = profile_of(gpu);
  const double copy = dispatch ? hidden * kFp8WithScales : hidden * 2.0;
  const CollectiveCall call{.kind = Collective::kAllToAll,
                            .bytes = Bytes(tokens * topk * copy),
                            .members = even_members(std::max(1, gpus / 8), 8)};
  const Pattern pattern = dispatch ? Pattern::kLowLatencyDispatch : Pattern::kLowLatencyCombine;
  const NetworkCost cost = *find_cost(profile.network, pattern, Protocol::kLl);
  const Timing timing = alone(movement(Algorithm::kDirect, call),
                              call.members,
                              cost,
                              {.nvlink = profile.gpu.nvlink, .nic = profile.gpu.nic});
  return {.what = fmt::format("{} low-latency {}, EP{}, {} tokens of {}, top-{}",
                              gpu,
                              dispatch ? "dispatch" : "combine",
                              gpus,
                              tokens,
                              hidden,
                              topk),
          .measured = measured,
          .predicted = timing.total()};
}

std::vector<ComparedPoint> low_latency_table(const std::string& gpu,
                                             const std::string& file,
                                             ExpertShape shape) {
  std::vector<ComparedPoint> points;
  for_each_row("kernels/" + file, [&](const Row& row) {
    const int nodes = row.integer("node_num");
    for (const bool dispatch : {true, false}) {
      if (has_shape(row, shape)) {
        points.push_back(low_latency(
            gpu,
            8 * nodes,
            row.number("num_token"),
            row.number("hidden_size"),
            row.number("num_topk"),
            dispatch,
            row.number(dispatch ? "dispatch_avg_t_us" : "combine_avg_t_us") * microsecond));
      }
    }
  });
  return points;
}

std::vector<ComparedPoint> low_latency_readme() {
  std::vector<ComparedPoint> points;
  for_each_row("curated/deepep_readme.csv", [&](const Row& row) {
    if (row.text("mode") == "low-latency" &&
        row.text("version").find("final") != std::string::npos) {
      points.push_back(low_latency("h800-sxm",
                                   row.integer("ep"),
                                   row.number("tokens_per_gpu"),
                                   row.number("hidden"),
                                   row.number("topk"),
                                   row.text("op").starts_with("dispatch"),
                                   row.number("latency_us") * microsecond));
    }
  });
  return points;
}

/// A run of DeepEP's normal kernels.
struct NormalRun {
  std::string gpu;
  GroupShape shape;
  ExpertLayer moe;
  double tokens = 0.0;
  double hidden = 0.0;
  bool dispatch = true;
};

Seconds normal_time(const NormalRun& run) {
  const Profile& profile = profile_of(run.gpu);
  const Bytes copy{run.hidden * (run.dispatch ? kFp8WithScales : 2.0)};
  const ExpertTraffic traffic = expert_traffic(run.moe, run.shape);
  const std::vector<Member> members = even_members(run.shape.nodes, run.shape.local);
  const Movement moved =
      expert_exchange(members,
                      {.to_remote_node = copy * run.tokens * traffic.per_remote_node,
                       .to_local_peer = copy * run.tokens * traffic.per_local_peer});
  const TransferKind kind = run.dispatch ? TransferKind::kDispatch : TransferKind::kCombine;
  return alone(moved,
               members,
               link_cost(profile, kind, run.shape.nodes > 1),
               {.nvlink = profile.gpu.nvlink, .nic = profile.gpu.nic})
      .total();
}

std::string describe(const NormalRun& run) {
  return fmt::format("{} {}, EP{}, {} tokens of {}",
                     run.gpu,
                     run.dispatch ? "dispatch" : "combine",
                     run.shape.size(),
                     run.tokens,
                     run.hidden);
}

/// The README prints bandwidth. Its tests count a copy for each distinct node of a token, the
/// sender's own included (one node: each distinct GPU), and route to at most four nodes.
std::vector<ComparedPoint> normal_readme() {
  std::vector<ComparedPoint> points;
  for_each_row("curated/deepep_readme.csv", [&](const Row& row) {
    if (row.text("mode") != "normal" || row.text("version").find("final") == std::string::npos) {
      return;
    }
    NormalRun run{.gpu = "h800-sxm",
                  .shape = {.local = 8, .nodes = row.integer("ep") / 8},
                  .moe = {.experts = 256, .top_k = 8},
                  .tokens = row.number("tokens_per_gpu"),
                  .hidden = row.number("hidden"),
                  .dispatch = row.text("op").starts_with("dispatch")};
    run.moe.groups = run.shape.nodes;
    run.moe.groups_per_token = std::min(run.shape.nodes, 4);
    const double parts = run.shape.nodes > 1 ? run.shape.nodes : 8;
    const double copies =
        parts * visit_probability(run.moe, run.moe.experts / static_cast<std::int64_t>(parts));
    const double counted = run.tokens * copies * run.hidden * (run.dispatch ? kFp8WithScales : 2.0);
    points.push_back({.what = describe(run),
                      .measured = Bytes(counted) / (row.number("bandwidth_GBps") * GB / second),
                      .predicted = normal_time(run)});
  });
  return points;
}

/// 20 SMs, as in the profile; sizes from 1,024 tokens, for which the kernels are made. The tables'
/// eight-node runs take 2.5 times what DeepEP's README prints for the same shape: left out.
std::vector<ComparedPoint> normal_table(const std::string& gpu,
                                        const std::string& file,
                                        ExpertShape shape) {
  std::vector<ComparedPoint> points;
  for_each_row("kernels/" + file, [&](const Row& row) {
    const int nodes = row.integer("node_num");
    if (row.integer("dispatch_sms") != 20 || row.number("num_token") < 1024 || nodes > 4 ||
        !has_shape(row, shape)) {
      return;
    }
    for (const bool dispatch : {true, false}) {
      const NormalRun run{
          .gpu = gpu,
          .shape = {.local = 8, .nodes = nodes},
          .moe = {.experts = row.integer("num_experts"), .top_k = row.integer("num_topk")},
          .tokens = row.number("num_token"),
          .hidden = row.number("hidden_size"),
          .dispatch = dispatch};
      const std::string op = dispatch ? "dispatch" : "combine";
      points.push_back(
          {.what = describe(run),
           .measured =
               (row.number(op + "_transmit_us") + row.number(op + "_notify_us")) * microsecond,
           .predicted = normal_time(run)});
    }
  });
  return points;
}

/// Vidur's all-reduces of one H100 node from 1 MiB, medians: PyTorch's time, so that below that the
/// host is measured. Nothing was fitted to them.
std::vector<ComparedPoint> vidur() {
  std::vector<ComparedPoint> points;
  for_each_row("vidur_comm/h100_dgx__all_reduce.csv.gz", [&](const Row& row) {
    if (row.number("size") >= 1 << 20) {
      points.push_back(compare({.gpu = "h100-sxm", .gpus = row.integer("num_workers")},
                               Collective::kAllReduce,
                               Bytes(row.number("size")),
                               row.number("time_stats.all_reduce.median") * millisecond));
    }
  });
  return points;
}

std::vector<ComparedPoint> joined(std::vector<ComparedPoint> points,
                                  const std::vector<ComparedPoint>& more) {
  points.insert(points.end(), more.begin(), more.end());
  return points;
}

const std::string kH100Table = "h100_sxm__comm__nccl_perf__nccl-2.29.2.csv";
const std::string kH200Table = "h200_sxm__comm__nccl_perf__nccl-2.29.2.csv";
const std::string kB200Table = "b200_sxm__comm__nccl_perf__nccl-2.29.2.csv";
const std::string kA100Table = "a100_sxm__comm__nccl_perf__nccl-2.27.3.csv";
const std::string kGb200Table = "gb200__comm__nccl_perf__nccl-2.29.2.csv";

constexpr const char* kNode = "8 GPUs on NVLink";
constexpr const char* kNodes = "2, 4 and 12 nodes of H100";
constexpr const char* kRacks = "GB200 racks";
constexpr const char* kExperts = "DeepEP EP8 to EP256";

std::vector<PointGroup> node_groups() {
  const auto one_node = [](const std::string& gpu) {
    return single_points(
        [gpu](const Site& s) { return s.gpu == gpu && s.nodes == 1 && s.gpus <= 8; });
  };
  return {{"8 H100, NCCL 2.29, four collectives", kNode, nccl_table("h100-sxm", kH100Table, 8, 8)},
          {"8 H200, likewise", kNode, nccl_table("h200-sxm", kH200Table, 8, 8)},
          {"8 B200, likewise", kNode, nccl_table("b200-sxm", kB200Table, 8, 8)},
          {"8 A100, likewise (NCCL 2.27)", kNode, nccl_table("a100-sxm", kA100Table, 8, 8)},
          {"2 to 8 H100, all-reduces of 6 sites", kNode, one_node("h100-sxm")},
          {"4 to 8 H200, of 3 sites", kNode, one_node("h200-sxm")},
          {"4 to 8 B200, one site", kNode, one_node("b200-sxm")},
          {"8 A100, of 2 sites", kNode, one_node("a100-sxm")},
          {"8 H800, one peak, not fitted", kNode, one_node("h800-sxm")},
          {"2 and 4 H100, NCCL 2.29", "", nccl_table("h100-sxm", kH100Table, 2, 4)},
          {"2 and 4 H200, likewise", "", nccl_table("h200-sxm", kH200Table, 2, 4)},
          {"2 and 4 B200, likewise", "", nccl_table("b200-sxm", kB200Table, 2, 4)},
          {"2 and 4 A100, likewise", "", nccl_table("a100-sxm", kA100Table, 2, 4)},
          {"2 and 4 GB200, 2 sources",
           "",
           joined(nccl_table("gb200", kGb200Table, 2, 4), one_node("gb200"))},
          {"2, 4 and 8 H100, Vidur, not fitted", "", vidur()}};
}

std::vector<PointGroup> cluster_groups() {
  const auto hopper = [](int nodes) {
    return single_points([nodes](const Site& s) {
      return (s.gpu == "h100-sxm" || s.gpu == "h200-sxm") && s.nodes == nodes;
    });
  };
  const auto racks = [](int gpus) {
    return single_points([gpus](const Site& s) { return s.gpu == "gb200" && s.gpus == gpus; });
  };
  return {{"2 nodes of H100 or H200", kNodes, hopper(2)},
          {"4 nodes of H100, 3 sites", kNodes, hopper(4)},
          {"12 nodes of H100", kNodes, hopper(12)},
          {"72 GB200, one rack", kRacks, racks(72)},
          {"144 GB200, two racks", kRacks, racks(144)},
          {"1,440 GB200, 20 racks, not fitted", "", racks(1440)},
          {"4 nodes of B200 on EFA", "", single_points([](const Site& s) {
             return s.gpu == "b200-sxm" && s.nodes == 4;
           })}};
}

/// The tables of DeepEP's kernels under one version of SGLang.
std::string deepep_table(const std::string& gpu,
                         const std::string& mode,
                         const std::string& version) {
  return gpu + "_sxm__comm__wideep_deepep_" + mode + "_perf__sglang-" + version + ".csv";
}

std::vector<PointGroup> expert_groups(ExpertShape shape) {
  const bool v3 = shape == ExpertShape::kDeepSeekV3;
  const std::string target = v3 ? kExperts : "";
  const std::string of = v3 ? "" : ", other expert layers";
  const auto normal = [shape](const std::string& gpu, const std::string& version) {
    return normal_table(gpu + "-sxm", deepep_table(gpu, "normal", version), shape);
  };
  const auto quick = [shape](const std::string& gpu, const std::string& version) {
    return low_latency_table(gpu + "-sxm", deepep_table(gpu, "ll", version), shape);
  };
  std::vector<PointGroup> groups;
  if (v3) {
    groups = {{"normal, DeepEP's README, H800 EP8 to EP64", target, normal_readme()},
              {"low latency, README, H800 EP8 to EP256, not fitted", target, low_latency_readme()}};
  }
  const std::vector<PointGroup> tables = {
      {"normal, H100 EP8 to EP32" + of,
       target,
       joined(normal("h100", "0.5.12"), normal("h100", "0.5.6.post2"))},
      {"normal, H200 EP8" + of, target, normal("h200", "0.5.12")},
      {"normal, B200 EP8" + of, "", normal("b200", "0.5.12")},
      {"low latency, H100 EP8 to EP64" + of,
       target,
       joined(quick("h100", "0.5.12"), quick("h100", "0.5.6.post2"))},
      {"low latency, H200 EP8" + of, target, quick("h200", "0.5.12")},
      {"low latency, B200 EP8" + of, target, quick("b200", "0.5.12")}};
  groups.insert(groups.end(), tables.begin(), tables.end());
  return groups;
}

}  // namespace

bool reference_is_there() {
  return fs::exists(reference() / "curated" / "nccl_measured_points.csv");
}

std::vector<PointGroup> compared_points() {
  std::vector<PointGroup> groups = node_groups();
  for (const auto& more : {cluster_groups(),
                           expert_groups(ExpertShape::kDeepSeekV3),
                           expert_groups(ExpertShape::kOther)}) {
    groups.insert(groups.end(), more.begin(), more.end());
  }
  return groups;
}

double error_quantile(const std::vector<ComparedPoint>& points, double share) {
  std::vector<double> errors;
  errors.reserve(points.size());
  for (const ComparedPoint& point : points) {
    errors.push_back(std::abs(point.error()));
  }
  std::ranges::sort(errors);
  const double place = std::ceil(share * static_cast<double>(errors.size())) - 1.0;
  return errors.at(static_cast<std::size_t>(std::max(0.0, place)));
}

std::string accuracy_table(const std::vector<PointGroup>& groups) {
  std::string table =
      "| group | points | median | p90 | bias | worst point |\n| --- | --: | --: | --: | --: | --- "
      "|\n";
  for (const PointGroup& group : groups) {
    double sum = 0.0;
    const ComparedPoint* worst = &group.points.front();
    for (const ComparedPoint& point : group.points) {
      sum += point.error();
      worst = std::abs(point.error()) > std::abs(worst->error()) ? &point : worst;
    }
    table += fmt::format("| {}{} | {} | {:.1f}% | {:.1f}% | {:+.1f}% | {:+.0f}%: {} |\n",
                         group.name,
                         group.target.empty() ? " (no target)" : "",
                         group.points.size(),
                         100.0 * error_quantile(group.points, 0.5),
                         100.0 * error_quantile(group.points, 0.9),
                         100.0 * sum / static_cast<double>(group.points.size()),
                         100.0 * worst->error(),
                         worst->what);
  }
  return table;
}

}  // namespace towtank
