// towtank profile import TABLE...: measured times become a profile, or the learnt part of one.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "reports/profile_import_text.hpp"
#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/profile.hpp"
#include "tools/profile_commands.hpp"
#include "tools/profile_device.hpp"
#include "tools/profile_file.hpp"
#include "tools/profile_fitting.hpp"
#include "tools/profile_import_base.hpp"
#include "tools/profile_kernels.hpp"
#include "tools/profile_measurements.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

/// Of a table with this few rows --compact keeps all: that takes no more than a fit would.
constexpr std::size_t kFewRows = 130;

/// Rows of a larger one that --compact keeps as evidence.
constexpr int kChosenRows = 3;

struct ImportOptions {
  std::vector<std::string> tables;
  std::string output;
  std::string into;
  std::string base;
  MeasurementOptions measurements;
  bool compact = false;
  int most_numbers = FitOptions().most_parameters;
  bool force = false;
  bool json = false;
};

/// The file that is written.
const std::string& target(const ImportOptions& options) {
  return options.output.empty() ? options.into : options.output;
}

void check_target(const ImportOptions& options) {
  const std::string command = "towtank profile import: ";
  if (options.output.empty() == options.into.empty()) {
    throw UsageError(
        command + (options.into.empty() ? "where to, is missing" : "two places to write to"),
        "--output FILE writes a new profile, --into FILE the learnt part of one");
  }
  if (!options.into.empty() && !options.base.empty()) {
    throw UsageError(command + "--base is for --output",
                     "--into keeps the hand-written part of " + options.into);
  }
  if (!target(options).ends_with(".toml")) {
    throw UsageError(command + "'" + target(options) + "' is no name of a profile",
                     "let it end in .toml");
  }
  if (fs::exists(options.output) && !options.force) {
    throw UsageError(command + options.output + " is there already",
                     "name another file, or --force to replace it");
  }
}

void add_measurement_options(CLI::App& command, MeasurementOptions& options) {
  command
      .add_option("--kernel-map",
                  options.kernel_map,
                  "Which kernels of a trace are which op [profiles/kernel-maps/kineto.toml]")
      ->type_name("FILE");
  command.add_option("--source", options.source, "Who measured what, where; in words")
      ->type_name("TEXT");
  command.add_option("--date", options.date, "Of the measurements [when the file last changed]")
      ->type_name("DATE");
}

/// Every file, or every mistake of all of them.
std::vector<Measurements> read_all(const ImportOptions& options, const std::string& profiles) {
  std::vector<Measurements> files;
  std::vector<Diagnostic> mistakes;
  MeasurementOptions how = options.measurements;
  if (how.kernel_map.empty()) {
    how.kernel_map = profiles + "/kernel-maps/kineto.toml";
  }
  for (const std::string& path : options.tables) {
    announce("reading " + path);
    try {
      files.push_back(read_measurements(path, how));
    } catch (const InputError& error) {
      mistakes.insert(mistakes.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return files;
}

/// The known profile of the GPU that a file was measured on.
std::optional<std::string> gpu_of(const Measurements& file, const std::vector<std::string>& known) {
  return profile_of_device(file.table.device, known);
}

/// What a new profile starts from: what --base says, or what the files say they were measured on.
std::string base_of(const ImportOptions& options,
                    const std::vector<Measurements>& files,
                    const std::vector<std::string>& known) {
  if (!options.into.empty()) {
    return options.into;
  }
  if (!options.base.empty()) {
    return options.base;
  }
  for (const Measurements& file : files) {
    if (const std::optional<std::string> gpu = gpu_of(file, known)) {
      return *gpu;
    }
  }
  throw UsageError(
      "towtank profile import: the files do not say which known GPU they are of",
      "name a profile with its datasheet and links: --base GPU (" + suggest("", known) + ")");
}

/// A GPU never gets another's numbers.
void check_devices(const std::vector<Measurements>& files,
                   const std::string& gpu,
                   const std::vector<std::string>& known) {
  if (std::ranges::find(known, gpu) == known.end()) {
    return;  // a profile of the user's own: only they know what it is of
  }
  std::vector<Diagnostic> mistakes;
  for (const Measurements& file : files) {
    const std::optional<std::string> of = gpu_of(file, known);
    if (of && *of != gpu) {
      mistakes.push_back({.place = {.file = file.table.file},
                          .message = fmt::format(
                              "was measured on {} ({}), not on {}", *of, file.table.device, gpu),
                          .hint = "import it into a profile of " + *of});
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
}

FitOptions fit_options(const ImportOptions& options) {
  FitOptions fit;
  if (!options.compact) {
    fit.keep_all_points = true;
    fit.most_parameters = 20'000;
  } else {
    fit.keep_all_points_up_to = kFewRows;
    fit.chosen_points = kChosenRows;
    fit.most_parameters = options.most_numbers;
  }
  fit.progress = [](std::size_t done, std::size_t of, const KernelFit& last) {
    announce(fmt::format("fitted {} {} by {} ({} of {})",
                         name(last.key.kind),
                         variant_text(last.key),
                         last.key.library,
                         done,
                         of));
  };
  return fit;
}

ImportedTable imported(const Measurements& file) {
  ImportedTable table{.file = file.table.file,
                      .kind = file.table.kind,
                      .device = file.table.device,
                      .version = file.table.version,
                      .samples = file.table.samples.size(),
                      .left_out = {},
                      .mapped = file.mapped,
                      .unmapped = file.unmapped,
                      .kernels = file.unmapped_kernels};
  for (const SkippedRows& skipped : file.table.skipped) {
    table.left_out.push_back({.reason = skipped.reason, .rows = skipped.rows});
  }
  return table;
}

ImportedFit imported(const KernelFit& fit) {
  return {.op = std::string(name(fit.key.kind)),
          .precision = variant_text(fit.key),
          .library = fit.key.library,
          .rows = fit.rows,
          .rank = fit.log_slowdown.rank,
          .parameters = static_cast<std::int64_t>(parameters(fit)),
          .points = static_cast<std::int64_t>(fit.points.size()),
          .median = fit.error.median,
          .p90 = fit.error.p90,
          .source = fit.source};
}

void import_tables(const ImportOptions& options, Colour colour) {
  check_target(options);
  const std::string profiles = known_profiles();
  const std::vector<std::string> known = list_profiles(profiles);
  const std::vector<Measurements> files = read_all(options, profiles);
  const std::string base_name = base_of(options, files, known);
  const ProfileBase base = read_profile_base(base_name, profiles);
  check_devices(files, base.hand_written.gpu.name, known);
  const bool is_new = options.into.empty();
  LearntPart part = learn(files, is_new ? base.whole() : base.hand_written, fit_options(options));
  ImportReport report{.file = target(options),
                      .profile = fs::path(target(options)).stem().string(),
                      .base = base.path,
                      .bytes = 0,
                      .tables = {},
                      .fits = {},
                      .single = part.points.size(),
                      .kept_fits = 0,
                      .notes = {}};
  for (const Measurements& file : files) {
    report.tables.push_back(imported(file));
  }
  for (const KernelFit& fit : part.fits) {
    report.fits.push_back(imported(fit));
  }
  std::string text = renamed(base.text, report.profile) + "\n" + std::string(kGeneratedMarker) +
                     "\n" + learnt_text(part);
  if (is_new) {
    const LearntPart kept = kept_part(base, part);
    report.kept_fits = kept.fits.size();
    text += learnt_text(kept);
  }
  write_profile(target(options), text, profiles);
  report.bytes = text.size();
  print(options.json ? profile_import_json(report) : profile_import_text(report, colour));
}

}  // namespace

void add_profile_import(CLI::App& profile, Invocation& invocation) {
  CLI::App* const command = profile.add_subcommand(
      "import", "Make a profile of measured times, or the learnt part of one");
  const auto options = std::make_shared<ImportOptions>();
  command
      ->add_option("TABLE",
                   options->tables,
                   "Measured times: CSV tables (also gzipped), nccl-tests output, PyTorch traces, "
                   "own measurements")
      ->required()
      ->type_name("");
  command->add_option("--output", options->output, "Write a new profile, which keeps every row")
      ->type_name("FILE");
  command->add_option("--into", options->into, "Replace the learnt part of this profile")
      ->type_name("FILE");
  command
      ->add_option("--base",
                   options->base,
                   "Profile whose datasheet, links and other kernels --output takes over [the GPU "
                   "that the tables name]")
      ->type_name("GPU");
  command->add_flag("--compact", options->compact, "Keep the fits and a few rows, not every row");
  command
      ->add_option("--most-numbers",
                   options->most_numbers,
                   "Numbers that a fit of --compact may take; its rank follows")
      ->check(CLI::Range(50, 20'000))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--force", options->force, "Replace --output if it is there already");
  add_measurement_options(*command, options->measurements);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { import_tables(*options, invocation.colour); });
}

}  // namespace towtank
