// towtank profile check PROFILE TABLE...: a profile held against measured times.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/profile_check_text.hpp"
#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/tables/op_filter.hpp"
#include "tools/profile_commands.hpp"
#include "tools/profile_device.hpp"
#include "tools/profile_measurements.hpp"
#include "tools/profile_table_check.hpp"

namespace towtank {
namespace {

struct CheckOptions {
  std::string profile;
  std::vector<std::string> tables;
  std::string op;
  std::string library;
  bool json = false;
};

/// The tables, or every mistake of all of them.
std::vector<SampleTable> read_tables(const std::vector<std::string>& files) {
  const MeasurementOptions options{
      .kernel_map = known_profiles() + "/kernel-maps/kineto.toml", .source = {}, .date = {}};
  std::vector<SampleTable> tables;
  std::vector<Diagnostic> mistakes;
  for (const std::string& file : files) {
    announce("reading " + file);
    try {
      tables.push_back(read_measurements(file, options).table);
    } catch (const InputError& error) {
      mistakes.insert(mistakes.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
  return tables;
}

/// Tables of another GPU are no mistake: this is how a transfer is checked.
void note_other_devices(const Profile& profile, const std::vector<SampleTable>& tables) {
  const std::vector<std::string> known = list_profiles(known_profiles());
  for (const SampleTable& table : tables) {
    const std::optional<std::string> device = profile_of_device(table.device, known);
    if (device && *device != profile.gpu.name &&
        std::ranges::find(known, profile.gpu.name) != known.end()) {
      fmt::print(stderr,
                 "note: {} was measured on {} ({}), not on {}\n",
                 table.file,
                 *device,
                 table.device,
                 profile.gpu.name);
    }
  }
}

/// A library that the profile knows nothing of at all is a slip of the pen.
void check_library(const Profile& profile, const std::string& library) {
  std::set<std::string> known;
  for (const KernelFit& fit : profile.fits) {
    known.insert(fit.key.library);
  }
  for (const MeasuredPoint& point : profile.points) {
    known.insert(point.library);
  }
  known.erase("");
  const std::vector<std::string> names(known.begin(), known.end());
  const bool is_known = std::ranges::any_of(names, [&library](const std::string& name) {
    return name == library || name.starts_with(library + "/");
  });
  if (!library.empty() && !is_known) {
    throw UsageError(
        fmt::format("towtank profile check: {} knows nothing of '{}'", profile.gpu.name, library),
        names.empty() ? "it knows no library at all" : suggest(library, names));
  }
}

std::string kinds_in(const std::vector<SampleTable>& tables) {
  std::set<std::string> kinds;
  for (const SampleTable& table : tables) {
    for (const Sample& sample : table.samples) {
      kinds.emplace(name(sample.op.kind));
    }
  }
  return fmt::format("{}", fmt::join(kinds, ", "));
}

void check_profile(const CheckOptions& options, Colour colour) {
  CheckQuestion question;
  if (!options.op.empty()) {
    question.kinds = kinds_named(options.op);
  }
  if (!options.library.empty()) {
    question.library = options.library;
  }
  const Profile profile = selected_profile(options.profile);
  check_library(profile, options.library);
  const std::vector<SampleTable> tables = read_tables(options.tables);
  note_other_devices(profile, tables);
  announce("estimating");
  const ProfileCheck check = check_tables(profile, tables, question);
  if (check.all.rows == 0) {
    const std::string kinds = kinds_in(tables);
    throw UsageError("towtank profile check: there is no row to check" +
                         (options.op.empty() ? "" : " of --op " + options.op),
                     kinds.empty() ? "the tables have no usable row at all"
                                   : "the tables have rows of " + kinds);
  }
  print(options.json ? profile_check_json(check) : profile_check_text(check, colour));
}

}  // namespace

void add_profile_check(CLI::App& profile, Invocation& invocation) {
  CLI::App* const command = profile.add_subcommand(
      "check", "Hold a profile against tables of measured times, and report its errors");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("PROFILE", options->profile, kProfileHelp)->required()->type_name("");
  command
      ->add_option("TABLE",
                   options->tables,
                   "Measured times: CSV tables (also gzipped), nccl-tests output, PyTorch traces, "
                   "own measurements")
      ->required()
      ->type_name("");
  command->add_option("--op", options->op, "Check rows of these ops only, such as gemm")
      ->type_name("WORD");
  command
      ->add_option("--library",
                   options->library,
                   "Estimate as if this library had run the rows [each row's own]")
      ->type_name("WORD");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options, &invocation] { check_profile(*options, invocation.colour); });
}

}  // namespace towtank
