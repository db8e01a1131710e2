// From the document of a scenario to its typed values.
#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/cluster/placement.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/cluster_reader.hpp"
#include "sim/scenario/document.hpp"
#include "sim/scenario/entries.hpp"
#include "sim/scenario/expert_load_reader.hpp"
#include "sim/scenario/metrics.hpp"
#include "sim/scenario/model_reader.hpp"
#include "sim/scenario/neighbour_reader.hpp"
#include "sim/scenario/plan_reader.hpp"
#include "sim/scenario/rules.hpp"
#include "sim/scenario/scenario.hpp"
#include "sim/scenario/stack_reader.hpp"

namespace towtank {
namespace {

// Upper bounds keep every product of sizes inside 64 bits; all are far beyond what exists.
constexpr std::int64_t kMostRanks = 1 << 22;
constexpr std::int64_t kMostSequence = 1 << 24;
constexpr std::int64_t kMostBatch = 10'000'000;

int to_int(std::int64_t value) {
  return static_cast<int>(value);
}

/// A price set in another place than its source would carry a source that does not say it.
GpuPrice read_price(TomlTable table) {
  GpuPrice price{.name = table.text("name", "H800 rental"),
                 .per_gpu = table.price("per_gpu"),
                 .source = table.text("source", "who says so, where"),
                 .date = table.text("date", "2024-12-27")};
  if (table.place("per_gpu").file != table.place("source").file) {
    price.source = "set at " + to_string(table.place("per_gpu"));
    price.date.clear();
  }
  table.finish();
  return price;
}

constexpr NumberRange kTokens = {.least = 1.0, .most = 1e18, .example = 14.8e12};

std::optional<BatchRamp> read_ramp(TomlTable& training) {
  auto table = training.optional_table("ramp");
  if (!table) {
    return std::nullopt;
  }
  const BatchRamp ramp{
      .from = table->integer("from", {.least = 1, .most = kMostBatch, .example = 3072}),
      .tokens = table->number("tokens", kTokens)};
  table->finish();
  return ramp;
}

ContextExtension read_extension(TomlTable& table) {
  ContextExtension extension{
      .name = table.text("name", "32K"),
      .sequence = table.integer("sequence", {.least = 1, .most = kMostSequence, .example = 32768}),
      .batch = table.integer("batch", {.least = 1, .most = kMostBatch, .example = 1920}),
      .steps = table.integer("steps", {.least = 1, .most = 1'000'000'000, .example = 1000}),
      .context = to_int(table.integer_or("context", 1, {.least = 1, .most = kMostRanks}))};
  table.finish();
  return extension;
}

StatedPhase read_stated(TomlTable& table) {
  StatedPhase phase{.name = table.text("name", "post-training"),
                    .gpu_hours = table.number("gpu_hours", {.most = 1e15, .example = 5000}),
                    .source = table.text("source", "who says so, where")};
  table.finish();
  return phase;
}

void read_training(TomlTable table, Scenario& scenario) {
  scenario.plan.sequence =
      table.integer("sequence", {.least = 1, .most = kMostSequence, .example = 4096});
  scenario.plan.batch = table.integer("batch", {.least = 1, .most = kMostBatch, .example = 15360});
  scenario.run.tokens = table.number("tokens", kTokens);
  scenario.run.ramp = read_ramp(table);
  for (TomlTable& extension : table.tables("extension")) {
    scenario.extensions.push_back(read_extension(extension));
  }
  for (TomlTable& phase : table.tables("stated")) {
    scenario.stated.push_back(read_stated(phase));
  }
  table.finish();
}

PublishedFigure read_published(TomlTable& table) {
  PublishedFigure figure{.metric = table.word("metric", published_metrics()),
                         .value = table.number("value", {.least = 1e-12}),
                         .source = table.text("source", "who says so, where")};
  table.finish();
  return figure;
}

Scenario read_document(const TomlNode& document, const std::string& path, Mistakes& mistakes) {
  TomlTable root(document, "", mistakes);
  Scenario scenario;
  scenario.title = root.text("title", "DeepSeek-V3 on 2,048 H800s");
  scenario.model = read_model(root.table("model", "model.base = \"models/deepseek-v3.toml\""));
  scenario.whole_cluster = read_cluster(
      root.table("cluster", "cluster.base = \"clusters/h800-2048.toml\""), path, mistakes);
  TomlTable plan = root.table("plan", "plan.pipeline = 16");
  scenario.nodes = read_job_nodes(plan, scenario.whole_cluster);
  scenario.cluster =
      plan.has("nodes") ? on_nodes(scenario.whole_cluster, scenario.nodes) : scenario.whole_cluster;
  scenario.plan = read_plan(std::move(plan), scenario.model);
  scenario.plan.stack = read_stack(root, scenario.cluster.gpu);
  scenario.plan.expert_plan = read_expert_plan(
      root, document, scenario.model.moe, std::filesystem::path(path).parent_path(), mistakes);
  scenario.price = read_price(root.table("prices", "prices.base = \"prices/h800-rental.toml\""));
  read_training(root.table("training", "training.sequence = 4096"), scenario);
  for (TomlTable& figure : root.tables("published")) {
    scenario.published.push_back(read_published(figure));
  }
  scenario.neighbours = read_neighbours(root, scenario, path, mistakes);
  root.finish();
  return scenario;
}

}  // namespace

Scenario read_scenario(const std::string& path, const std::vector<Override>& overrides) {
  Mistakes mistakes;
  std::vector<Diagnostic> warnings;
  const TomlNode document = read_scenario_document(path, overrides, mistakes, warnings);
  Scenario scenario = read_document(document, path, mistakes);
  scenario.warnings = std::move(warnings);
  check_rules(scenario, document, mistakes);
  mistakes.throw_if_any();
  scenario.path = path;
  scenario.name = std::filesystem::path(path).stem().string();
  scenario.entries = scenario_entries(scenario, document);
  for (const Override& setting : overrides) {
    if (std::ranges::find(scenario.overrides, setting.key) == scenario.overrides.end()) {
      scenario.overrides.push_back(setting.key);
    }
  }
  return scenario;
}

}  // namespace towtank
