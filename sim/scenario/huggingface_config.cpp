#include "sim/scenario/huggingface_config.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/scenario/huggingface_families.hpp"
#include "sim/scenario/huggingface_fields.hpp"
#include "sim/scenario/huggingface_parts.hpp"

namespace towtank {
namespace {

/// The family that "architectures" names, or "model_type" where there is none. Throws InputError.
const HuggingfaceFamily& family_of(const JsonNode& config, const std::string& file) {
  const JsonNode* const architectures = find_field(config, "architectures");
  const JsonNode* const type = find_field(config, "model_type");
  const auto* items =
      architectures == nullptr ? nullptr : std::get_if<JsonItems>(&architectures->value);
  const auto* named = items == nullptr || items->empty()
                          ? nullptr
                          : std::get_if<std::string>(&items->front().value);
  const auto* typed = type == nullptr ? nullptr : std::get_if<std::string>(&type->value);
  if (named == nullptr && typed == nullptr) {
    throw InputError({.file = file},
                     "neither \"architectures\" nor \"model_type\": not the config of a model",
                     "expected is the config.json that Hugging Face shows beside the weights");
  }
  for (const HuggingfaceFamily& family : huggingface_families()) {
    const bool type_fits = typed != nullptr && std::ranges::find(family.model_types, *typed) !=
                                                   family.model_types.end();
    if (named == nullptr ? type_fits
                         : family.architecture == *named && (typed == nullptr || type_fits)) {
      return family;
    }
  }
  const bool type_is_at_fault =
      named != nullptr &&
      std::ranges::find(huggingface_families(), *named, &HuggingfaceFamily::architecture) !=
          huggingface_families().end();
  if (named == nullptr || type_is_at_fault) {
    throw InputError(type->place,
                     fmt::format("\"model_type\": \"{}\" is not known{}",
                                 shown(*typed),
                                 type_is_at_fault ? " for a " + *named : ""),
                     "a model that is like it can be described as a [model] table");
  }
  throw InputError(architectures->place,
                   fmt::format("\"architectures\": \"{}\" is not modelled", shown(*named)),
                   suggest(*named, known_huggingface_architectures()));
}

/// What any config may say beside its sizes.
void read_common(ConfigFields& config) {
  refuse_flag(config, "is_encoder_decoder", "encoders are not modelled");
  refuse_flag(config, "add_cross_attention", "cross attention is not modelled");
}

/// Fields that are modelled in part: what is left out is said.
void note_parts(const JsonNode& object, ConfigFields& config) {
  for (const auto& [field, node] : std::get<JsonMembers>(object.value)) {
    const auto* fraction = std::get_if<double>(&node.value);
    const auto* whole = std::get_if<std::int64_t>(&node.value);
    const bool positive =
        (fraction != nullptr && *fraction > 0.0) || (whole != nullptr && *whole > 0);
    const bool dropout = field.find("dropout") != std::string::npos || field.ends_with("_pdrop");
    if (dropout && positive) {
      config.note(field, fmt::format("\"{}\": dropout is not modelled", shown(field)));
    } else if (field == "partial_rotary_factor" && fraction != nullptr && *fraction < 1.0) {
      config.note(field, "\"partial_rotary_factor\": heads are taken to be rotated whole");
    } else if (field == "clip_qkv" && positive) {
      config.note(field, "\"clip_qkv\": clipping is not modelled");
    }
  }
}

bool is_noted(std::string_view field) {
  return field.find("dropout") != std::string_view::npos || field.ends_with("_pdrop") ||
         field == "partial_rotary_factor" || field == "clip_qkv";
}

/// Without the fields that note_parts() has dealt with, so that nobody calls them unknown.
JsonNode without_noted(const JsonNode& object) {
  JsonNode rest{.place = object.place, .value = JsonMembers{}};
  auto& members = std::get<JsonMembers>(rest.value);
  for (const JsonMember& member : std::get<JsonMembers>(object.value)) {
    if (!is_noted(member.key)) {
      members.push_back(member);
    }
  }
  return rest;
}

/// The text decoder inside a model that also sees: everything else of it is left out.
const JsonNode& text_config_of(const JsonNode& config,
                               const std::string& file,
                               std::vector<Diagnostic>& warnings) {
  const JsonNode* const text = find_field(config, "text_config");
  if (text == nullptr || !std::holds_alternative<JsonMembers>(text->value)) {
    throw InputError(text == nullptr ? Place{.file = file} : text->place,
                     "expected an object \"text_config\" that describes the text decoder");
  }
  if (const JsonNode* const vision = find_field(config, "vision_config")) {
    warnings.push_back({.place = vision->place,
                        .message = "\"vision_config\": only the text decoder is modelled",
                        .hint = {}});
  }
  return *text;
}

/// "llama-3-8b" of "llama-3-8b/config.json" or "llama-3-8b.json".
std::string name_after(const std::string& file, const HuggingfaceFamily& family) {
  const std::filesystem::path path(file);
  std::string stem = path.stem().string();
  const std::string folder = path.parent_path().filename().string();
  if (stem != "config") {
    return stem;
  }
  return folder.empty() || folder == "." || folder == ".."
             ? family.architecture.substr(0, family.architecture.find("For"))
             : folder;
}

}  // namespace

std::vector<std::string> known_huggingface_architectures() {
  std::vector<std::string> names;
  names.reserve(huggingface_families().size());
  for (const HuggingfaceFamily& family : huggingface_families()) {
    names.push_back(family.architecture);
  }
  return names;
}

TomlNode translate_huggingface_config(const JsonNode& config,
                                      const std::string& file,
                                      std::vector<Diagnostic>& warnings) {
  if (!std::holds_alternative<JsonMembers>(config.value)) {
    throw InputError(config.place, fmt::format("expected an object, found {}", describe(config)));
  }
  const HuggingfaceFamily& family = family_of(config, file);
  const JsonNode& whole = family.architecture == "Llama4ForConditionalGeneration"
                              ? text_config_of(config, file, warnings)
                              : config;
  const JsonNode object = without_noted(whole);
  ConfigFields fields(object, fmt::format("a {}", family.architecture));
  family.read(fields);
  read_common(fields);
  note_parts(whole, fields);
  fields.finish();
  if (!fields.mistakes().empty()) {
    throw InputError(fields.mistakes());
  }
  warnings.insert(warnings.end(), fields.warnings().begin(), fields.warnings().end());
  fields.write("name", name_after(file, family), "architectures");
  return fields.take_table();
}

}  // namespace towtank
