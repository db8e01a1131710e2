// towtank validate: projections held against measured training runs.
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/published_html.hpp"
#include "reports/published_json.hpp"
#include "reports/published_text.hpp"
#include "sim/base/error.hpp"
#include "sim/published/score.hpp"
#include "tools/commands.hpp"
#include "tools/data_directory.hpp"
#include "tools/published_rows.hpp"
#include "tools/validate_fit.hpp"
#include "tools/validate_published.hpp"

namespace towtank {
namespace {

struct PublishedOptions {
  std::string csv;
  std::string filter;
  bool json = false;
  std::string html;
  std::string resume;
  int jobs = 0;
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) {
    throw EnvironmentError("cannot write " + path);
  }
}

void validate_published(const PublishedOptions& options, Colour colour) {
  const std::filesystem::path data = data_directory(".");
  const std::vector<PublishedRun> runs = published_rows(data, options.csv, options.filter);
  const std::vector<RunCase> cases = validate_runs(
      runs,
      {.data = shown_path(data), .processes = processes_of(options.jobs), .resume = options.resume},
      tell_progress);
  const Score score = score_of(cases);
  if (!options.html.empty()) {
    write_file(options.html, published_html(cases, score));
  }
  print(options.json ? published_json(cases, score) : published_text(cases, score, colour));
}

void add_validate_published(CLI::App& validate, Invocation& invocation) {
  CLI::App* const command = validate.add_subcommand(
      "published", "Project published training runs and hold them against what was measured");
  const auto options = std::make_shared<PublishedOptions>();
  command
      ->add_option("--csv", options->csv, fmt::format("Table of runs, a row each [{}]", kOwnTable))
      ->type_name("FILE");
  command
      ->add_option("--filter",
                   options->filter,
                   "Rows to take: COLUMN with = != ~ < or > and a value, several with commas")
      ->type_name("EXPR");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->add_option("--html", options->html, "Also write a page with a picture")
      ->type_name("FILE");
  command->add_option("--jobs", options->jobs, "Processes [the CPU's cores]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option(
          "--resume", options->resume, "Keep answers in this file, and take those that are there")
      ->type_name("FILE");
  command->callback([options, &invocation] { validate_published(*options, invocation.colour); });
}

}  // namespace

void add_validate(CLI::App& program, Invocation& invocation) {
  CLI::App* const command =
      program.add_subcommand("validate", "Hold projections against what was measured");
  command->require_subcommand(1);
  add_validate_published(*command, invocation);
  add_validate_fit(*command);
}

}  // namespace towtank
