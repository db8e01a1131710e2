#include "sim/scenario/expert_load_reader.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/scenario/document.hpp"
#include "sim/scenario/expert_counts.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr double kGreatestExponent = 100.0;
constexpr std::int64_t kMostRedundant = 1 << 24;
constexpr std::int64_t kMostLayers = 10'000;
constexpr const char* kLoads =
    "load = \"uniform\", {zipf = 0.8, seed = 1} or {histogram = \"counts.csv\"}";

ExpertLoad read_zipf(TomlTable& load) {
  return ZipfLoad{.exponent = load.number("zipf", {.most = kGreatestExponent, .example = 0.8}),
                  .seed = static_cast<std::uint64_t>(load.integer_or("seed", 1))};
}

/// Where the file is that the key names.
fs::path sought(const TomlTable& load, const std::string& spelt, const fs::path& directory) {
  const Place place = load.place("histogram");
  const bool of_command_line = place.file.starts_with("--set ");
  return (of_command_line ? directory : fs::path(place.file).parent_path()) / spelt;
}

ExpertLoad read_histogram(TomlTable& load,
                          const ExpertLayer& layer,
                          const fs::path& directory,
                          Mistakes& mistakes) {
  const std::string spelt = load.text("histogram", "counts.csv");
  std::optional<std::int64_t> of_layer;
  if (load.has("layer")) {
    of_layer = load.integer("layer", {.most = kMostLayers, .example = 3});
  }
  if (!load.sound("histogram") || !load.sound("layer") || !mistakes.sound("model.moe.experts")) {
    return UniformLoad{};
  }
  const fs::path file = sought(load, spelt, directory).lexically_normal();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    load.mistake("histogram",
                 fmt::format("there is no histogram file {}", shown(file.string())),
                 "it is sought from the directory of the file that names it");
    return UniformLoad{};
  }
  try {
    return CountedLoad{.source = of_layer ? fmt::format("{}, layer {}", spelt, *of_layer) : spelt,
                       .counts = read_expert_counts(file.string(), layer.experts, of_layer)};
  } catch (const InputError& wrong) {
    mistakes.add(wrong, load.path());
    return UniformLoad{};
  }
}

/// A load that is a table.
ExpertLoad read_load_table(TomlTable load,
                           const ExpertLayer& layer,
                           const fs::path& directory,
                           Mistakes& mistakes) {
  ExpertLoad result = UniformLoad{};
  if (load.has("zipf") && load.has("histogram")) {
    load.mistake("histogram", "a load is either zipf or a histogram", "leave one of them out");
    read_zipf(load);
    load.text("histogram", "counts.csv");
    load.integer_or("layer", 0);
  } else if (load.has("histogram")) {
    result = read_histogram(load, layer, directory, mistakes);
  } else if (load.has("zipf")) {
    result = read_zipf(load);
  } else {
    mistakes.add(load.path(), load.place(), "a load without zipf or histogram", kLoads);
  }
  load.finish();
  return result;
}

ExpertLoad read_load(TomlTable& experts,
                     const TomlNode* load,
                     const ExpertLayer& layer,
                     const fs::path& directory,
                     Mistakes& mistakes) {
  if (load == nullptr) {
    return UniformLoad{};
  }
  if (std::holds_alternative<TomlMembers>(load->value)) {
    return read_load_table(experts.table("load", kLoads), layer, directory, mistakes);
  }
  static const std::array<std::string, 1> kWords = {"uniform"};
  experts.word("load", kWords);
  return UniformLoad{};
}

PlacementPolicy read_placement(TomlTable& experts) {
  constexpr std::array kPolicies = {PlacementPolicy::kStatic,
                                    PlacementPolicy::kBalanced,
                                    PlacementPolicy::kHierarchical,
                                    PlacementPolicy::kGlobal};
  std::vector<std::string> words;
  words.reserve(kPolicies.size());
  for (const PlacementPolicy policy : kPolicies) {
    words.emplace_back(name(policy));
  }
  const std::string word = experts.word_or("placement", words.front(), words);
  for (const PlacementPolicy policy : kPolicies) {
    if (name(policy) == word) {
      return policy;
    }
  }
  return PlacementPolicy::kStatic;
}

}  // namespace

ExpertPlan read_expert_plan(TomlTable& root,
                            const TomlNode& document,
                            const ExpertLayer& layer,
                            const fs::path& scenario_directory,
                            Mistakes& mistakes) {
  auto experts = root.optional_table("experts");
  if (!experts) {
    return {};
  }
  const TomlMember* const whole = find_member(document, "experts");
  const TomlMember* const load = whole == nullptr ? nullptr : find_member(whole->node, "load");
  ExpertPlan plan{
      .load = read_load(
          *experts, load == nullptr ? nullptr : &load->node, layer, scenario_directory, mistakes),
      .placement = read_placement(*experts),
      .redundant = experts->integer_or("redundant", 0, {.most = kMostRedundant})};
  experts->finish();
  return plan;
}

void check_expert_plan(const ExpertPlan& plan,
                       const ExpertLayer& layer,
                       const GroupShape& shape,
                       const TomlNode& document,
                       Mistakes& mistakes) {
  if (!mistakes.sound("experts.load") || !mistakes.sound("experts.redundant") ||
      !mistakes.sound("experts.placement")) {
    return;
  }
  if (is_balanced_routing(plan)) {
    return;
  }
  const std::optional<ExpertProblem> problem = expert_problem(layer, shape, plan);
  if (!problem) {
    return;
  }
  const std::string key = "experts." + problem->key;
  std::string hint = problem->hint;
  const auto* const zipf = std::get_if<ZipfLoad>(&plan.load);
  const double greatest = greatest_zipf_exponent(layer.experts, layer.top_k);
  if (problem->key == "load" && zipf != nullptr && zipf->exponent > greatest) {
    hint = fmt::format("exponents up to {} are possible with {} experts, {} of them a token",
                       greatest,
                       layer.experts,
                       layer.top_k);
  }
  mistakes.add(key, place_in(document, key), problem->message, hint);
}

std::string load_text(const ExpertLoad& load) {
  if (const auto* const zipf = std::get_if<ZipfLoad>(&load)) {
    return fmt::format("Zipf {}, seed {}", zipf->exponent, zipf->seed);
  }
  if (const auto* const counted = std::get_if<CountedLoad>(&load)) {
    return "counted in " + counted->source;
  }
  return "uniform";
}

}  // namespace towtank
