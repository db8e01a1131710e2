#include "sim/scenario/document.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/scenario/dotted_key.hpp"
#include "sim/scenario/huggingface_config.hpp"
#include "sim/scenario/json_document.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr int kLongestChain = 8;  // bases of bases; longer is a file that names itself

/// `model = "file"` becomes `model.base = "file"`.
void spell_out_bases(TomlNode& root) {
  for (TomlMember& member : std::get<TomlMembers>(root.value)) {
    const bool may_have_base =
        std::ranges::find(tables_with_base(), member.key) != tables_with_base().end();
    if (may_have_base && std::holds_alternative<std::string>(member.node.value)) {
      TomlNode table{.place = member.node.place, .value = TomlMembers{}};
      put(table, {"base"}, std::move(member.node));
      member.node = std::move(table);
    }
  }
}

void apply(const Override& setting, TomlNode& root, Mistakes& mistakes) {
  const Place place{.file = fmt::format("--set {}={}", shown(setting.key), shown(setting.value))};
  const std::vector<std::string> keys = split_at_dots(setting.key);
  if (std::ranges::find(keys, "") != keys.end()) {
    mistakes.add("", place, "no key", "write --set table.key=value, like --set plan.pipeline=8");
    return;
  }
  try {
    put(root, keys, parse_toml_value(setting.value, place));
    spell_out_bases(root);
  } catch (const InputError& error) {
    mistakes.add(error);
  }
}

/// Takes `base` out of a table.
std::optional<TomlNode> take_base(TomlNode& table) {
  auto* members = std::get_if<TomlMembers>(&table.value);
  if (members == nullptr) {
    return std::nullopt;
  }
  const auto at = std::ranges::find(*members, "base", &TomlMember::key);
  if (at == members->end()) {
    return std::nullopt;
  }
  std::optional<TomlNode> base = std::move(at->node);
  members->erase(at);
  return base;
}

bool is_json(const fs::path& file) {
  return file.extension() == ".json";
}

/// The files of its kind beside the one that was not found, spelt as the user would.
std::string files_like(const fs::path& sought, const std::string& spelt) {
  std::error_code error;
  const fs::path parent = sought.has_parent_path() ? sought.parent_path() : fs::path(".");
  std::vector<std::string> known;
  const fs::path folder = fs::path(spelt).parent_path();
  for (fs::directory_iterator entry(parent, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() == (is_json(sought) ? ".json" : ".toml")) {
      known.push_back((folder / entry->path().filename()).string());
    }
  }
  std::ranges::sort(known);
  return known.empty() ? fmt::format(
                             "{} holds no {} files; a base is sought from the directory of "
                             "the file that names it",
                             shown(parent.string()),
                             is_json(sought) ? "JSON" : "TOML")
                       : suggest(spelt, known);
}

/// A file that is named as a base, and where its own bases are sought.
struct BaseFile {
  TomlNode content;
  fs::path directory;
};

/// Reads what `base` names. Throws InputError.
BaseFile read_base(const TomlNode& base,
                   const fs::path& directory,
                   int depth,
                   std::vector<Diagnostic>& warnings) {
  const auto* spelt = std::get_if<std::string>(&base.value);
  if (spelt == nullptr) {
    throw InputError(base.place,
                     fmt::format("'base': expected a file name, found {}", describe(base)));
  }
  const fs::path file = (directory / *spelt).lexically_normal();
  std::error_code error;
  if (!fs::is_regular_file(file, error)) {
    throw InputError(base.place,
                     fmt::format("there is no base file {}", shown(file.string())),
                     files_like(file, *spelt));
  }
  if (depth == kLongestChain) {
    throw InputError(base.place, "too many bases of bases", "does a file name itself as its base?");
  }
  if (is_json(file)) {
    const JsonNode config = read_json_file(file.string());
    return {.content = translate_huggingface_config(config, file.string(), warnings),
            .directory = file.parent_path()};
  }
  return {.content = read_toml_file(file.string()), .directory = file.parent_path()};
}

/// Lays `table` over its base, and that over its own. Throws InputError.
TomlNode based(TomlNode table,
               const fs::path& directory,
               int depth,
               std::vector<Diagnostic>& warnings) {
  const std::optional<TomlNode> base = take_base(table);
  if (!base) {
    return table;
  }
  BaseFile file = read_base(*base, directory, depth, warnings);
  return laid_over(std::move(table),
                   based(std::move(file.content), file.directory, depth + 1, warnings));
}

bool has_base(const TomlNode& table) {
  return find_member(table, "base") != nullptr;
}

/// Lays a scenario over its base, table by table; a table that names a base of its own starts from
/// that and not from what the scenario's base has there.
TomlNode based_scenario(TomlNode root,
                        const fs::path& directory,
                        int depth,
                        Mistakes& mistakes,
                        std::vector<Diagnostic>& warnings) {
  spell_out_bases(root);
  std::vector<std::string> anew;  // tables that do not start from the scenario's base
  for (TomlMember& member : std::get<TomlMembers>(root.value)) {
    if (std::ranges::find(tables_with_base(), member.key) == tables_with_base().end()) {
      continue;
    }
    if (has_base(member.node)) {
      anew.push_back(member.key);
    }
    try {
      member.node = based(member.node, directory, 0, warnings);
    } catch (const InputError& error) {
      mistakes.add(error, member.key);
    }
  }
  const std::optional<TomlNode> base = take_base(root);
  if (!base) {
    return root;
  }
  BaseFile file = read_base(*base, directory, depth, warnings);
  TomlNode below =
      based_scenario(std::move(file.content), file.directory, depth + 1, mistakes, warnings);
  std::erase_if(std::get<TomlMembers>(below.value), [&anew](const TomlMember& member) {
    return std::ranges::find(anew, member.key) != anew.end();
  });
  return laid_over(std::move(root), std::move(below));
}

}  // namespace

const std::vector<std::string>& tables_with_base() {
  static const std::vector<std::string> kTables = {"model", "cluster", "prices", "stack"};
  return kTables;
}

TomlNode read_scenario_document(const std::string& path,
                                const std::vector<Override>& overrides,
                                Mistakes& mistakes,
                                std::vector<Diagnostic>& warnings) {
  TomlNode root = read_toml_file(path);
  spell_out_bases(root);
  for (const Override& setting : overrides) {
    apply(setting, root, mistakes);
  }
  try {
    return based_scenario(std::move(root), fs::path(path).parent_path(), 0, mistakes, warnings);
  } catch (const InputError& error) {
    mistakes.add(error, "base");
    mistakes.throw_if_any();
    throw;
  }
}

TomlNode read_model_document(const std::string& path,
                             const std::vector<Override>& overrides,
                             Mistakes& mistakes,
                             std::vector<Diagnostic>& warnings) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw EnvironmentError(fmt::format("cannot read {}: no such file", path));
  }
  const Place place{.file = path};
  TomlNode root{.place = place, .value = TomlMembers{}};
  put(root, {"model"}, {.place = place, .value = fs::path(path).filename().string()});
  spell_out_bases(root);
  for (const Override& setting : overrides) {
    apply(setting, root, mistakes);
  }
  return based_scenario(std::move(root), fs::path(path).parent_path(), 0, mistakes, warnings);
}

Place place_in(const TomlNode& document, std::string_view path) {
  const TomlNode* node = &document;
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(key.size() + 1, path.size()));
    const TomlMember* member = find_member(*node, key);
    const auto* items = std::get_if<TomlArray>(&node->value);
    std::size_t index = 0;
    const char* const end = key.data() + key.size();
    const bool is_index = std::from_chars(key.data(), end, index).ptr == end;
    if (member != nullptr) {
      node = &member->node;
    } else if (items != nullptr && is_index && index < items->size()) {
      node = &(*items)[index];
    } else {
      break;
    }
  }
  return node->place;
}

}  // namespace towtank
