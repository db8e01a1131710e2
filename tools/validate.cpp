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
  RowOptions rows;
  std::string html;
  std::string resume;
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
  const std::vector<PublishedRun> runs = published_rows(data, options.rows);
  const std::vector<RunCase> cases = validate_runs(runs,
                                                   {.data = shown_path(data),
                                                    .processes = processes_of(options.rows.jobs),
                                                    .resume = options.resume},
                                                   tell_progress);
  const Score score = score_of(cases);
  if (!options.html.empty()) {
    write_file(options.html, published_html(cases, score));
  }
  print(options.rows.json ? published_json(cases, score) : published_text(cases, score, colour));
}

void add_validate_published(CLI::App& validate, Invocation& invocation) {
  CLI::App* const command = validate.add_subcommand(
      "published", "Project published training runs and hold them against what was measured");
  const auto options = std::make_shared<PublishedOptions>();
  add_row_options(*command, options->rows);
  command->add_option("--html", options->html, "Also write a page with a picture")
      ->type_name("FILE");
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
