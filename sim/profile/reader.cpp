#include "sim/profile/reader.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/dates.hpp"
#include "sim/profile/fit/fit_text.hpp"
#include "sim/profile/network_costs_reader.hpp"
#include "sim/profile/op_text.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {
namespace {

constexpr NumberRange kEfficiencyRange = {.least = 0.01, .most = 1.0, .example = 0.7};
constexpr NumberRange kErrorRange = {.least = 0.001, .most = 0.9, .example = 0.2};

/// A kernel may beat the datasheet's peak by this factor, because clocks boost beyond the one that
/// the peak is stated for; a greater rate is a mistake in the file.
constexpr double kCredibleBoost = 1.1;

/// The names of the values 0, 1, ... count-1 of an enumeration.
template <typename Enum>
std::vector<std::string> names_of(int count) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    names.emplace_back(name(static_cast<Enum>(i)));
  }
  return names;
}

/// The value of an enumeration, given its name and all names in order.
template <typename Enum>
Enum named(const std::string& word, const std::vector<std::string>& names) {
  return static_cast<Enum>(std::ranges::find(names, word) - names.begin());
}

void read_sources(TomlTable& file, Profile& profile) {
  TomlTable sources =
      file.table("sources", "[sources.datasheet] with text = \"...\" and date = \"2025-02-26\"");
  for (const std::string& key : sources.keys()) {
    TomlTable entry = sources.table(key, "");
    Source source = {.key = key,
                     .text = entry.text("text", "NVIDIA H100 datasheet, SXM5 column"),
                     .date = entry.text("date", "2025-02-26")};
    if (entry.sound("date") && !is_date(source.date)) {
      entry.mistake(
          "date",
          fmt::format("'{}.date': \"{}\" is not a date", entry.path(), shown(source.date)),
          "write it like \"2025-02-26\", \"2025-02\" or \"2025\"");
    }
    entry.finish();
    profile.sources.push_back(std::move(source));
  }
}

std::vector<std::string> source_keys(const Profile& profile) {
  std::vector<std::string> keys;
  keys.reserve(profile.sources.size());
  for (const Source& source : profile.sources) {
    keys.push_back(source.key);
  }
  return keys;
}

/// The key `source` of a table, which must name one of the profile's sources.
std::string read_source_key(TomlTable& table, const TomlTable& file, const Profile& profile) {
  std::string key = table.text("source", "datasheet");
  if (!table.sound("source") || !file.sound("sources")) {
    return key;
  }
  const std::vector<std::string> known = source_keys(profile);
  if (std::ranges::find(known, key) == known.end()) {
    const std::string hint = nearest_word(key, known).empty()
                                 ? fmt::format("add [sources.{}] with text and date", shown(key))
                                 : suggest(key, known);
    table.mistake("source", fmt::format("there is no source '{}'", shown(key)), hint);
  }
  return key;
}

void read_gpu(TomlTable& file, Profile& profile) {
  TomlTable table = file.table("gpu", "[gpu] with sms, bf16_peak, fp8_peak, ...");
  profile.gpu.sms =
      static_cast<int>(table.integer("sms", {.least = 1, .most = 10000, .example = 132}));
  profile.gpu.bf16_peak = table.flop_rate("bf16_peak");
  profile.gpu.fp8_peak = table.flop_rate_or("fp8_peak", {});
  profile.gpu.fp4_peak = table.flop_rate_or("fp4_peak", {});
  profile.gpu.memory_bandwidth = table.bandwidth("memory_bandwidth");
  profile.gpu.memory = table.data("memory");
  profile.gpu.nvlink = table.bandwidth_or("nvlink", {});
  profile.gpu.nic = table.bandwidth_or("nic", {});
  profile.gpu_source = read_source_key(table, file, profile);
  table.finish();
}

void read_launch(TomlTable& file, Profile& profile) {
  TomlTable table = file.table("launch", "[launch] with time = \"2 us\" and source");
  profile.launch = table.time("time");
  profile.launch_source = read_source_key(table, file, profile);
  table.finish();
}

void read_fallback(TomlTable& file, Profile& profile) {
  TomlTable table =
      file.table("fallback", "[fallback] with compute, memory, link, error and source");
  profile.fallback.compute = table.number("compute", kEfficiencyRange);
  profile.fallback.memory = table.number("memory", kEfficiencyRange);
  profile.fallback.link = table.number("link", kEfficiencyRange);
  profile.fallback.error = table.number("error", kErrorRange);
  profile.fallback.source = read_source_key(table, file, profile);
  table.finish();
}

void read_transfer(TomlTable& file, const std::string& directory, Profile& profile) {
  std::optional<TomlTable> table = file.optional_table("transfer");
  if (!table) {
    return;
  }
  profile.transfer = Transfer{.from = table->text("from", "h800-sxm"),
                              .reason = table->text("reason", "same silicon, other links"),
                              .error = table->number("error", kErrorRange)};
  std::vector<std::string> others = list_profiles(directory);
  std::erase(others, profile.gpu.name);
  if (table->sound("from") && std::ranges::find(others, profile.transfer->from) == others.end()) {
    table->mistake("from",
                   fmt::format("there is no other profile '{}'", shown(profile.transfer->from)),
                   suggest(profile.transfer->from, others));
  }
  table->finish();
}

/// What a link that the file does not list is assumed to do.
LinkEfficiency assumed_link(const Profile& profile) {
  return {.alone = profile.fallback.link,
          .shared = profile.fallback.link,
          .start_up = profile.launch,
          .sms = 0,
          .error = profile.fallback.error,
          .origin = Origin::kDatasheet,
          .source = profile.fallback.source};
}

void read_links(TomlTable& file, Profile& profile) {
  const std::vector<std::string> kinds = names_of<TransferKind>(kLinkKinds);
  const std::vector<std::string> media = names_of<Medium>(kMedia);
  const std::vector<std::string> origins = names_of<Origin>(kOrigins);
  for (auto& of_kind : profile.links) {
    of_kind.fill(assumed_link(profile));
  }
  std::vector<const LinkEfficiency*> listed;
  for (TomlTable& table : file.tables("link")) {
    const TransferKind kind = named<TransferKind>(table.word("kind", kinds), kinds);
    const Medium medium = named<Medium>(table.word("medium", media), media);
    const LinkEfficiency read = {
        .alone = table.number("alone", kEfficiencyRange),
        .shared = table.number("shared", kEfficiencyRange),
        .start_up = table.time("start_up"),
        .sms = static_cast<int>(
            table.integer_or("sms", 0, {.least = 0, .most = 10000, .example = 20})),
        .error = table.number("error", kErrorRange),
        .origin = named<Origin>(table.word_or("origin", "measured", origins), origins),
        .source = read_source_key(table, file, profile)};
    table.finish();
    if (!table.sound("kind") || !table.sound("medium")) {
      continue;
    }
    LinkEfficiency& link =
        profile.links[static_cast<std::size_t>(kind)][static_cast<std::size_t>(medium)];
    if (std::ranges::find(listed, &link) != listed.end()) {
      table.mistake("kind", fmt::format("{} over {} is listed twice", name(kind), name(medium)));
    }
    listed.push_back(&link);
    link = read;
  }
}

/// Reports a point that cannot be right: too many SMs, or faster than the tensor cores.
void check_point(TomlTable& table,
                 const TomlTable& file,
                 const Gpu& gpu,
                 const MeasuredPoint& point) {
  if (!file.sound("gpu.sms") || !table.sound("sms")) {
    return;
  }
  if (point.sms > gpu.sms) {
    table.mistake("sms", fmt::format("{} SMs, but the GPU has {}", point.sms, gpu.sms));
    return;
  }
  const bool known = table.sound("op") && table.sound("shape") && table.sound("time") &&
                     file.sound("gpu.bf16_peak") && file.sound("gpu.fp8_peak");
  if (!known || !is_compute_bound_kind(point.op.kind)) {
    return;
  }
  const double rate = flops(point.op).si() / point.time.si();
  Gpu cached = gpu;  // operands may be in the cache; then only the tensor cores bound the kernel
  cached.memory_bandwidth = Bandwidth(std::numeric_limits<double>::infinity());
  const Seconds least = speed_of_light(point.op, cached, point.sms);
  if (point.time * kCredibleBoost < least) {
    table.mistake(
        "time",
        fmt::format("{} in {} is {:.0f} TFLOPS, more than the peak of {} SMs",
                    describe(point.op),
                    format_time(point.time),
                    rate / 1e12,
                    point.sms),
        fmt::format("check unit, shape and precision; the peak takes {}", format_time(least)));
  }
}

void read_points(TomlTable& file, Profile& profile) {
  for (TomlTable& table : file.tables("measured")) {
    MeasuredPoint point = {
        .op = read_op(table),
        .sms = static_cast<int>(table.integer("sms", {.least = 1, .most = 10000, .example = 132})),
        .time = table.time("time", TomlTable::Zero::kRefused),
        .spread = table.number("spread", {.least = 0.0, .most = 0.9, .example = 0.02}),
        .source = read_source_key(table, file, profile),
        .library = table.text_or("library", "")};
    table.finish();
    check_point(table, file, profile.gpu, point);
    const std::string missing = what_is_missing(profile, point.op);
    if (table.sound("op") && table.sound("shape") && !missing.empty()) {
      table.mistake("op",
                    fmt::format("{} cannot be judged without {}", describe(point.op), missing),
                    fmt::format("state {} in [gpu]", missing.substr(missing.find('.') + 1)));
      continue;
    }
    const bool repeated =
        std::ranges::any_of(profile.points, [&point](const MeasuredPoint& earlier) {
          return earlier.op == point.op && earlier.sms == point.sms &&
                 earlier.library == point.library;
        });
    const bool known =
        table.sound("op") && table.sound("precision") && table.sound("shape") && table.sound("sms");
    if (repeated && known) {
      table.mistake("op",
                    fmt::format("{} on {} SMs is listed twice", describe(point.op), point.sms),
                    "keep one, with a spread that covers both");
    }
    profile.points.push_back(std::move(point));
  }
}

void read_fits(TomlTable& file, Profile& profile) {
  for (TomlTable& table : file.tables("fit")) {
    KernelFit fit = read_fit(table);
    fit.source = read_source_key(table, file, profile);
    table.finish();
    const bool repeated = std::ranges::any_of(
        profile.fits, [&fit](const KernelFit& earlier) { return earlier.key == fit.key; });
    if (repeated && table.sound("op") && table.sound("precision") && table.sound("library")) {
      table.mistake("op", "a fit of these kernels stands earlier in the file", "keep one of them");
    }
    if (family(fit.key.kind) == OpFamily::kCollective && profile.gpu.nvlink == Bandwidth()) {
      table.mistake("op", "a fit of collectives needs gpu.nvlink", "state nvlink in [gpu]");
      continue;
    }
    profile.fits.push_back(std::move(fit));
  }
}

}  // namespace

Profile read_profile_file(const std::string& path,
                          const std::string& directory,
                          Mistakes& mistakes) {
  const std::string gpu_name = std::filesystem::path(path).stem().string();
  const TomlNode node = read_toml_file(path);
  TomlTable file(node, "", mistakes);
  Profile profile;
  profile.gpu.name = file.text("name", gpu_name);
  if (file.sound("name") && profile.gpu.name != gpu_name) {
    file.mistake(
        "name",
        fmt::format("'name' is \"{}\", but the file is {}.toml", shown(profile.gpu.name), gpu_name),
        "name the file and the profile alike");
  }
  read_sources(file, profile);
  read_gpu(file, profile);
  read_launch(file, profile);
  read_fallback(file, profile);
  read_transfer(file, directory, profile);
  read_links(file, profile);
  read_points(file, profile);
  read_fits(file, profile);
  profile.network = read_network_costs(file, source_keys(profile));
  file.finish();
  return profile;
}

}  // namespace towtank
