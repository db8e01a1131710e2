#include "sim/published/model_library.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/model/parameters.hpp"
#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/published/name_key.hpp"
#include "sim/published/stated_sizes.hpp"
#include "sim/published/toml_words.hpp"
#include "sim/scenario/model_file.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

/// A row's parameters may differ so much from the model's: rounding, and embeddings left out.
constexpr double kParameterTolerance = 0.1;
constexpr double kBillion = 1e9;

std::vector<fs::path> toml_files_of(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, error)) {
    if (file.path().extension() == ".toml") {
      files.push_back(file.path());
    }
  }
  if (error || files.empty()) {
    throw EnvironmentError("no model files in " + directory);
  }
  std::ranges::sort(files);
  return files;
}

std::string own_name(const fs::path& file) {
  const TomlNode document = read_toml_file(file.string());
  const TomlMember* const name = find_member(document, "name");
  const auto* const text = name == nullptr ? nullptr : std::get_if<std::string>(&name->node.value);
  return text == nullptr ? std::string() : *text;
}

/// The model with other sizes; what follows from them follows.
void resize(Architecture& model, const StatedSizes& sizes) {
  const std::int64_t width = model.dense_intermediate > 0 ? model.hidden : 0;
  if (sizes.hidden && *sizes.hidden != model.hidden) {
    model.dense_intermediate = width > 0 ? model.dense_intermediate * *sizes.hidden / width : 0;
    model.hidden = *sizes.hidden;
  }
  if (sizes.layers) {
    model.layers = *sizes.layers;
  }
  if (auto* const attention = std::get_if<GroupedAttention>(&model.attention);
      attention != nullptr && sizes.heads) {
    attention->kv_heads =
        attention->kv_heads == attention->heads ? *sizes.heads : attention->kv_heads;
    attention->heads = *sizes.heads;
    attention->head_dim = model.hidden / *sizes.heads;
  }
}

bool has_other_sizes(const Architecture& model, const StatedSizes& sizes) {
  return (sizes.hidden && *sizes.hidden != model.hidden) ||
         (sizes.layers && *sizes.layers != model.layers) ||
         (sizes.heads && *sizes.heads != attention_heads(model.attention));
}

/// A model cut short, as benchmarks do to fit on few GPUs.
void cut_short(FoundModel& found, std::int64_t layers) {
  Architecture& model = found.model;
  model.layers = layers;
  model.name += fmt::format(", {} layers", layers);
  if (model.dense_layers > 1 && model.moe.experts > 0) {
    model.dense_layers = 1;
    found.assumptions.emplace_back("of the shortened model one layer is dense");
  }
  if (model.mtp_modules > 0) {
    model.mtp_modules = 0;
    found.assumptions.emplace_back("the shortened model predicts one token");
  }
}

void check_sizes(const Architecture& model) {
  const std::int64_t heads = attention_heads(model.attention);
  if (model.layers < 1 || model.hidden < 1 || heads < 1 || model.dense_layers > model.layers) {
    throw InputError({}, "the model's name states sizes that no model has");
  }
}

void check_parameters(const PublishedRun& run, const Architecture& model) {
  if (!run.total_parameters) {
    return;
  }
  const double billions = total_parameters(model) / kBillion;
  if (std::abs(billions / *run.total_parameters - 1.0) > kParameterTolerance) {
    throw InputError({},
                     fmt::format("'{}' is taken for {}, which has {:.4g}B parameters; the row says "
                                 "{:.4g}B",
                                 run.model,
                                 model.name,
                                 billions,
                                 *run.total_parameters));
  }
}

}  // namespace

ModelLibrary::ModelLibrary(const std::string& directory, const std::string& names)
    : directory_(directory) {
  for (const fs::path& file : toml_files_of(directory)) {
    const std::string name = own_name(file);
    files_.emplace(name_key(name), file.string());
    files_.emplace(name_key(file.stem().string()), file.string());
    names_.push_back(name);
  }
  const TomlNode document = read_toml_file(names);
  Mistakes mistakes;
  TomlTable file(document, "", mistakes);
  ignored_ = words_or_none(file, document, "ignored");
  file.has("model");
  file.has("other_kind");
  for (const TomlNode* const node : table_nodes(document, "model")) {
    TomlTable entry(*node, "model", mistakes);
    const std::string stem = entry.text("file", "llama3-70b");
    const fs::path path = fs::path(directory) / (stem + ".toml");
    if (entry.sound("file") && !fs::exists(path)) {
      entry.mistake("file", fmt::format("there is no model file {}", path.string()));
    }
    for (const std::string& name : words_or_none(entry, *node, "names")) {
      files_.emplace(name_key(name), path.string());
    }
    entry.finish();
  }
  for (const TomlNode* const node : table_nodes(document, "other_kind")) {
    TomlTable entry(*node, "other_kind", mistakes);
    const std::string reason = entry.text("reason", "it trains adapters alone");
    for (std::string& words : words_or_none(entry, *node, "words")) {
      other_kinds_.push_back({.words = std::move(words), .reason = reason});
    }
    entry.finish();
  }
  file.finish();
  mistakes.throw_if_any();
}

void ModelLibrary::refuse_other_kinds(const PublishedRun& run) const {
  for (const OtherKind& kind : other_kinds_) {
    if (mentions(run.model, kind.words)) {
      throw InputError({}, fmt::format("'{}': {}", kind.words, kind.reason));
    }
  }
}

/// Of the names that the key begins with, the longest. What follows may be a size or a remark, but
/// not a finer version number.
std::string ModelLibrary::file_of(const std::string& key) const {
  const std::pair<const std::string, std::string>* best = nullptr;
  for (const auto& entry : files_) {
    const std::string& name = entry.first;
    const bool begins = !name.empty() && key.starts_with(name);
    const bool finer = begins && key.size() > name.size() && key[name.size()] == '.';
    if (begins && !finer && (best == nullptr || name.size() > best->first.size())) {
      best = &entry;
    }
  }
  return best == nullptr ? std::string() : best->second;
}

FoundModel ModelLibrary::model_of(const PublishedRun& run) const {
  refuse_other_kinds(run);
  std::string key = name_key(run.model);
  for (const std::string& word : ignored_) {
    if (const std::string ignored = name_key(word); key.starts_with(ignored)) {
      key.erase(0, ignored.size());
    }
  }
  const StatedSizes sizes = sizes_of_name(run.model);
  std::string file = file_of(key);
  const bool gpt = sizes.hidden && sizes.layers && sizes.heads;
  FoundModel found;
  if (file.empty() && gpt) {
    file = file_of("gpt1.7b");
    found.assumptions.emplace_back("a GPT as Megatron-LM builds it");
  }
  if (file.empty()) {
    const std::string nearest = nearest_word(run.model, names_);
    throw InputError({},
                     fmt::format("no model file answers to '{}'", run.model),
                     nearest.empty() ? "" : fmt::format("the nearest is {}", nearest));
  }
  found.model = read_model_file(file, {}).model;
  if (gpt && has_other_sizes(found.model, sizes)) {
    found.assumptions.push_back(fmt::format("like {} ({}) but for the sizes in its name",
                                            found.model.name,
                                            fs::path(file).filename().string()));
    resize(found.model, sizes);
    found.model.name = run.model;
  } else if (sizes.layers && *sizes.layers < found.model.layers) {
    cut_short(found, *sizes.layers);
  }
  const std::optional<std::int64_t> vocabulary =
      sizes.vocabulary ? sizes.vocabulary : vocabulary_of_remark(run.confidence);
  if (vocabulary && gpt) {
    // Rounded figures stand for what the library's file says.
    const double ratio = static_cast<double>(*vocabulary) /
                         static_cast<double>(std::max<std::int64_t>(found.model.vocabulary, 1));
    constexpr double kRounding = 0.01;
    if (std::abs(ratio - 1.0) > kRounding) {
      found.model.vocabulary = *vocabulary;
    }
  }
  if (run.sequence && found.model.learned_positions > 0) {
    found.model.learned_positions = std::max(found.model.learned_positions, *run.sequence);
  }
  check_sizes(found.model);
  check_parameters(run, found.model);
  return found;
}

}  // namespace towtank
