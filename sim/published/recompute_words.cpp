#include "sim/published/recompute_words.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/published/name_key.hpp"

namespace towtank {
namespace {

/// Keys of parts of a layer, and what is recomputed of it.
struct Part {
  std::string_view key;
  bool Recompute::*flag = nullptr;
};

constexpr std::array<Part, 21> kParts = {{
    {"norm", &Recompute::norms},
    {"norms", &Recompute::norms},
    {"layernorm", &Recompute::norms},
    {"rmsnorm", &Recompute::norms},
    {"mlaupproj", &Recompute::up_projections},
    {"mlaupprojection", &Recompute::up_projections},
    {"upproj", &Recompute::up_projections},
    {"act", &Recompute::swiglu},
    {"activation", &Recompute::swiglu},
    {"moeact", &Recompute::swiglu},
    {"swiglu", &Recompute::swiglu},
    {"coreattn", &Recompute::core_attention},
    {"coreattention", &Recompute::core_attention},
    {"attention", &Recompute::core_attention},
    {"sharedexpert", &Recompute::shared_experts},
    {"sharedexperts", &Recompute::shared_experts},
    {"mlp", &Recompute::mlp},
    {"moe", &Recompute::mlp},
    {"experts", &Recompute::mlp},
    {"fulllayer", &Recompute::layers},
    {"layer", &Recompute::layers},
}};

std::vector<std::string> parts_of(std::string_view words) {
  std::vector<std::string> parts;
  const std::size_t open = words.find('(');
  const std::size_t close = words.find(')', open);
  if (open == std::string_view::npos || close == std::string_view::npos) {
    return parts;
  }
  std::string_view rest = words.substr(open + 1, close - open - 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(",+;"), rest.size());
    parts.push_back(name_key(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return parts;
}

}  // namespace

Recompute possible_recompute(Recompute recompute, const Architecture& model) {
  recompute.up_projections = recompute.up_projections && has_up_projections(model.attention);
  recompute.shared_experts = recompute.shared_experts && model.moe.shared_experts > 0;
  return recompute;
}

std::optional<Recompute> recompute_of(std::string_view words,
                                      const Recompute& selective,
                                      const Architecture& model) {
  const std::string key = name_key(words);
  if (key.empty()) {
    return std::nullopt;
  }
  if (key.starts_with("none")) {
    return Recompute{};
  }
  if (key.starts_with("full")) {
    return Recompute{.layers = true};
  }
  if (!key.starts_with("selective")) {
    throw InputError({},
                     fmt::format("recompute: '{}' says nothing known", words),
                     "none, full, selective, or selective (norm, act, ...)");
  }
  const std::vector<std::string> parts = parts_of(words);
  Recompute recompute = parts.empty() ? selective : Recompute{};
  for (const std::string& part : parts) {
    const auto* const known = std::ranges::find(kParts, part, &Part::key);
    if (known == kParts.end()) {
      throw InputError({}, fmt::format("recompute: '{}' is no known part of a layer", part));
    }
    recompute.*(known->flag) = true;
  }
  return possible_recompute(recompute, model);
}

}  // namespace towtank
