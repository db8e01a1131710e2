#include "sim/scenario/huggingface_fields.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sim/scenario/dotted_key.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kMostLayers = 10'000;

/// Fields that change neither the time nor the memory of a step: tokens, numerics of initialisation
/// and of scaling, generation of text, how weights are stored, book-keeping.
bool has_no_bearing(std::string_view field) {
  static constexpr std::array kFields = {"_attn_implementation_autoset",
                                         "_name_or_path",
                                         "architectures",
                                         "attention_softmax_in_fp32",
                                         "attn_scale",
                                         "attn_temperature_tuning",
                                         "auto_map",
                                         "aux_loss_alpha",
                                         "bad_words_ids",
                                         "begin_suppress_tokens",
                                         "bias_dropout_fusion",
                                         "cache_implementation",
                                         "chunk_size_feed_forward",
                                         "diversity_penalty",
                                         "do_sample",
                                         "dtype",
                                         "early_stopping",
                                         "encoder_no_repeat_ngram_size",
                                         "ep_size",
                                         "experts_per_token",
                                         "exponential_decay_length_penalty",
                                         "finetuning_task",
                                         "floor_scale",
                                         "for_llm_compressor",
                                         "id2label",
                                         "initial_context_length",
                                         "initializer_range",
                                         "is_decoder",
                                         "label2id",
                                         "layer_norm_eps",
                                         "layer_norm_epsilon",
                                         "length_penalty",
                                         "masked_softmax_fusion",
                                         "max_length",
                                         "max_position_embeddings",
                                         "min_length",
                                         "model_type",
                                         "n_ctx",
                                         "no_repeat_ngram_size",
                                         "norm_eps",
                                         "norm_topk_prob",
                                         "num_beam_groups",
                                         "num_beams",
                                         "num_return_sequences",
                                         "offset_alibi",
                                         "output_attentions",
                                         "output_hidden_states",
                                         "output_router_logits",
                                         "output_scores",
                                         "prefix",
                                         "pretraining_tp",
                                         "problem_type",
                                         "pruned_heads",
                                         "quantization_config",
                                         "remove_invalid_values",
                                         "reorder_and_upcast_attn",
                                         "repetition_penalty",
                                         "return_dict",
                                         "return_dict_in_generate",
                                         "rms_norm_eps",
                                         "rope_interleave",
                                         "rope_parameters",
                                         "rope_scaling",
                                         "rope_theta",
                                         "routed_scaling_factor",
                                         "router_aux_loss_coef",
                                         "router_jitter_noise",
                                         "scale_attn_by_inverse_layer_idx",
                                         "scale_attn_weights",
                                         "seq_aux",
                                         "seq_length",
                                         "skip_bias_add",
                                         "skip_bias_add_qkv",
                                         "slow_but_exact",
                                         "suppress_tokens",
                                         "swiglu_limit",
                                         "task_specific_params",
                                         "temperature",
                                         "tf_legacy_loss",
                                         "tokenizer_class",
                                         "top_k",
                                         "top_p",
                                         "torch_dtype",
                                         "torchscript",
                                         "transformers_version",
                                         "typical_p",
                                         "use_bfloat16",
                                         "use_cache"};
  return std::ranges::find(kFields, field) != kFields.end() || field.ends_with("_token_id") ||
         field.ends_with("_token_index") || field.starts_with("summary_");
}

/// Whether an unknown field's name speaks of work or of sizes.
bool speaks_of_computation(std::string_view field) {
  static constexpr std::array kWords = {
      "mamba",  "ssm",  "state",     "conv",   "linear",   "hybrid",  "cross",  "parallel",
      "expert", "moe",  "lora",      "window", "chunk",    "rank",    "sparse", "index",
      "layer",  "head", "dim",       "hidden", "interval", "size",    "depth",  "block",
      "mlp",    "attn", "attention", "norm",   "bias",     "softcap", "shared"};
  return std::ranges::any_of(
      kWords, [field](const char* word) { return field.find(word) != std::string_view::npos; });
}

/// Null, false, 0 and what holds nothing ask for nothing.
bool asks_for_nothing(const JsonNode& node) {
  struct Visitor {
    bool operator()(std::monostate) const { return true; }
    bool operator()(bool flag) const { return !flag; }
    bool operator()(std::int64_t number) const { return number == 0; }
    bool operator()(double number) const { return !(number < 0.0 || number > 0.0); }
    bool operator()(const std::string& text) const { return text.empty(); }
    bool operator()(const JsonItems& items) const { return items.empty(); }
    bool operator()(const JsonMembers& members) const { return members.empty(); }
  };
  return std::visit(Visitor(), node.value);
}

}  // namespace

ConfigFields::ConfigFields(const JsonNode& config, std::string whose)
    : config_(&config),
      whose_(std::move(whose)),
      table_{.place = config.place, .value = TomlMembers{}} {}

const JsonNode* ConfigFields::ask(std::string_view field) {
  asked_.emplace_back(field);
  const JsonNode* node = find_field(*config_, field);
  const bool null = node != nullptr && std::holds_alternative<std::monostate>(node->value);
  return null ? nullptr : node;
}

Place ConfigFields::place(std::string_view field) const {
  const JsonNode* node = find_field(*config_, field);
  return node == nullptr ? config_->place : node->place;
}

void ConfigFields::wrong(std::string_view field, std::string_view expected, const JsonNode& found) {
  mistakes_.push_back(
      {.place = found.place,
       .message = fmt::format("\"{}\": expected {}, found {}", field, expected, describe(found)),
       .hint = {}});
}

bool ConfigFields::has(std::string_view field) const {
  return find_field(*config_, field) != nullptr;
}

std::optional<std::int64_t> ConfigFields::integer(std::string_view field) {
  const JsonNode* node = ask(field);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto* number = std::get_if<std::int64_t>(&node->value);
  if (number == nullptr) {
    wrong(field, "an integer", *node);
    return std::nullopt;
  }
  return *number;
}

std::optional<bool> ConfigFields::flag(std::string_view field) {
  const JsonNode* node = ask(field);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto* value = std::get_if<bool>(&node->value);
  if (value == nullptr) {
    wrong(field, "true or false", *node);
    return std::nullopt;
  }
  return *value;
}

std::optional<std::string> ConfigFields::text(std::string_view field) {
  const JsonNode* node = ask(field);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto* value = std::get_if<std::string>(&node->value);
  if (value == nullptr) {
    wrong(field, "text", *node);
    return std::nullopt;
  }
  return *value;
}

std::vector<std::string> ConfigFields::texts(std::string_view field) {
  const JsonNode* node = ask(field);
  const auto* items = node == nullptr ? nullptr : std::get_if<JsonItems>(&node->value);
  std::vector<std::string> result;
  if (node != nullptr && items == nullptr) {
    wrong(field, "an array of text", *node);
  }
  if (items == nullptr) {
    return result;
  }
  result.reserve(items->size());
  for (const JsonNode& item : *items) {
    if (const auto* value = std::get_if<std::string>(&item.value)) {
      result.push_back(*value);
    } else {
      wrong(field, "an array of text", item);
      break;
    }
  }
  return result;
}

std::vector<std::int64_t> ConfigFields::integers(std::string_view field) {
  const JsonNode* node = ask(field);
  const auto* items = node == nullptr ? nullptr : std::get_if<JsonItems>(&node->value);
  std::vector<std::int64_t> result;
  if (node != nullptr && items == nullptr) {
    wrong(field, "an array of integers", *node);
  }
  if (items == nullptr) {
    return result;
  }
  result.reserve(items->size());
  for (const JsonNode& item : *items) {
    if (const auto* value = std::get_if<std::int64_t>(&item.value)) {
      result.push_back(*value);
    } else {
      wrong(field, "an array of integers", item);
      break;
    }
  }
  return result;
}

std::int64_t ConfigFields::required(std::string_view field) {
  const std::size_t before = mistakes_.size();
  const std::optional<std::int64_t> value = integer(field);
  if (!value && mistakes_.size() == before) {
    mistakes_.push_back({.place = config_->place,
                         .message = fmt::format("missing \"{}\" in {}", field, whose_),
                         .hint = {}});
  }
  return value.value_or(1);
}

std::int64_t ConfigFields::required_layers(std::string_view field) {
  const std::int64_t layers = required(field);
  if (layers < 1 || layers > kMostLayers) {
    refuse(field,
           fmt::format(
               "\"{}\": expected an integer from 1 to {}, found {}", field, kMostLayers, layers));
  }
  return std::clamp<std::int64_t>(layers, 1, kMostLayers);
}

void ConfigFields::put_value(const std::string& key, TomlNode value) {
  put(table_, split_at_dots(key), std::move(value));
}

void ConfigFields::write(const std::string& key, std::int64_t value, std::string_view field) {
  put_value(key, {.place = place(field), .value = value});
}

void ConfigFields::write(const std::string& key, bool value, std::string_view field) {
  put_value(key, {.place = place(field), .value = value});
}

void ConfigFields::write(const std::string& key, const std::string& value, std::string_view field) {
  put_value(key, {.place = place(field), .value = value});
}

void ConfigFields::copy(const std::string& key, std::string_view field) {
  write(key, required(field), field);
}

void ConfigFields::copy_if_there(const std::string& key, std::string_view field) {
  if (const std::optional<std::int64_t> value = integer(field)) {
    write(key, *value, field);
  }
}

void ConfigFields::refuse(std::string_view field,
                          const std::string& message,
                          const std::string& hint) {
  mistakes_.push_back({.place = place(field), .message = message, .hint = hint});
}

void ConfigFields::note(std::string_view field, const std::string& message) {
  warnings_.push_back({.place = place(field), .message = message, .hint = {}});
}

void ConfigFields::finish() {
  std::vector<std::string> ignored;
  for (const JsonMember& member : std::get<JsonMembers>(config_->value)) {
    const std::string& field = member.key;
    if (std::ranges::find(asked_, field) != asked_.end() || has_no_bearing(field)) {
      continue;
    }
    if (speaks_of_computation(field) && !asks_for_nothing(member.node)) {
      refuse(field,
             fmt::format("\"{}\" is not known for {}, and what it asks for may be work that would "
                         "be left out",
                         shown(field),
                         whose_),
             "a model that is like it without the field can be described as a [model] table");
    } else {
      ignored.push_back(fmt::format("\"{}\"", shown(field)));
    }
  }
  if (!ignored.empty()) {
    warnings_.push_back(
        {.place = {.file = config_->place.file},
         .message = fmt::format("not known and ignored: {}", fmt::join(ignored, ", ")),
         .hint = {}});
  }
}

}  // namespace towtank
