// towtank list WHAT: what there is to build scenarios from.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/figures.hpp"
#include "reports/text_layout.hpp"
#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/model/parameters.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/scenario/model_file.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

/// The .toml files of a directory, sorted; none when there is no such directory.
std::vector<fs::path> toml_files(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() == ".toml") {
      files.push_back(file.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

/// The text of a top-level key, or of its base when the file itself has none.
std::string text_of(const fs::path& file, const std::string& key) {
  const TomlNode document = read_toml_file(shown_path(file));
  const TomlMember* const member = find_member(document, key);
  const std::string* const text =
      member == nullptr ? nullptr : std::get_if<std::string>(&member->node.value);
  return text == nullptr ? "" : *text;
}

/// Files that describe themselves by a key.
Lines list_files(const fs::path& directory, const std::string& key) {
  std::vector<Cells> rows;
  for (const fs::path& file : toml_files(directory)) {
    rows.push_back({file.stem().string(), text_of(file, key), shown_path(file)});
  }
  return aligned(rows, "lll");
}

Lines list_models(const fs::path& data) {
  std::vector<Cells> rows;
  for (const fs::path& file : toml_files(data / "scenarios" / "models")) {
    const Architecture model = read_model_file(shown_path(file), {}).model;
    const bool dense = model.moe.experts == 0;
    rows.push_back({file.stem().string(),
                    model.name,
                    short_count(total_parameters(model)),
                    dense ? "" : short_count(active_parameters(model)) + " active",
                    shown_path(file)});
  }
  return aligned(rows, "llrrl");
}

Lines list_clusters(const fs::path& data) {
  return list_files(data / "scenarios" / "clusters", "name");
}

Lines list_scenarios(const fs::path& data) {
  return list_files(data / "scenarios", "title");
}

Lines list_prices(const fs::path& data) {
  std::vector<Cells> rows;
  for (const fs::path& file : toml_files(data / "scenarios" / "prices")) {
    rows.push_back({file.stem().string(),
                    text_of(file, "per_gpu"),
                    text_of(file, "name") + " (" + text_of(file, "date") + ")",
                    shown_path(file)});
  }
  return aligned(rows, "lrll");
}

Lines list_gpu_profiles(const fs::path& data) {
  const std::string directory = shown_path(data / "profiles");
  std::vector<Cells> rows;
  for (const std::string& gpu : list_profiles(directory)) {
    const Profile profile = read_profile(directory, gpu);
    const auto own = std::ranges::count(profile.points, false, &MeasuredPoint::transferred);
    const auto fits = std::ranges::count(profile.fits, false, &KernelFit::transferred);
    const fs::path file = data / "profiles" / (gpu + ".toml");
    rows.push_back(
        {gpu,
         fmt::format("{} SMs, {} BF16, {}",
                     profile.gpu.sms,
                     flop_rate_text(profile.gpu.bf16_peak),
                     format_data(profile.gpu.memory)),
         fmt::format("{} fits", fits),
         fmt::format("{} kernels", own),
         profile.transfer ? "and " + profile.transfer->from : "",
         fmt::format("{:.0f} KB", std::ceil(static_cast<double>(fs::file_size(file)) / 1e3)),
         shown_path(file)});
  }
  return aligned(rows, "llrrlrl");
}

std::string description(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::kGpipe:
      return "all forward chunks, then all backward chunks (Huang et al., 2019)";
    case ScheduleKind::k1F1B:
      return "one forward, one backward, in turn (PipeDream-Flush, Narayanan et al., 2021)";
    case ScheduleKind::kInterleaved1F1B:
      return "1F1B with several stages a rank, plan.interleave of them (Megatron-LM, 2021)";
    case ScheduleKind::kZb1p:
      return "1F1B whose weight gradients fill the bubble (zero bubble, Qi et al., 2023)";
    case ScheduleKind::kDualPipe:
      return "both directions at once, forward overlapped with backward (DeepSeek-V3, 2024)";
    case ScheduleKind::kDualPipeV:
      return "DualPipe folded in half: one copy of the parameters (Sea AI Lab, 2025)";
  }
  return "";
}

Lines list_schedules(const fs::path&) {
  std::vector<Cells> rows;
  for (const ScheduleKind kind : all_schedule_kinds()) {
    rows.push_back({std::string(name(kind)), description(kind)});
  }
  return aligned(rows, "ll");
}

struct Listing {
  std::string what;
  Lines (*lines)(const fs::path& data);
};

const std::vector<Listing>& listings() {
  static const std::vector<Listing> kListings = {{"models", list_models},
                                                 {"clusters", list_clusters},
                                                 {"profiles", list_gpu_profiles},
                                                 {"scenarios", list_scenarios},
                                                 {"prices", list_prices},
                                                 {"schedules", list_schedules}};
  return kListings;
}

void list(const std::string& what) {
  const auto listing = std::ranges::find(listings(), what, &Listing::what);
  if (listing == listings().end()) {
    std::vector<std::string> known;
    for (const Listing& each : listings()) {
      known.push_back(each.what);
    }
    throw UsageError("towtank list: there are no '" + what + "' to list", suggest(what, known));
  }
  print(joined(listing->lines(data_directory(fs::current_path()))));
}

}  // namespace

void add_list(CLI::App& program, Invocation&) {
  CLI::App* const command = program.add_subcommand("list", "List what scenarios are made of");
  const auto what = std::make_shared<std::string>();
  command->add_option("WHAT", *what, "models, clusters, profiles, scenarios, prices or schedules")
      ->required()
      ->type_name("");
  command->callback([what] { list(*what); });
}

}  // namespace towtank
