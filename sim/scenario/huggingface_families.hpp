// The families of Hugging Face's models, each with what its config.json means.
#pragma once

#include <string>
#include <vector>

#include "sim/scenario/huggingface_fields.hpp"

namespace towtank {

/// Models whose configs are read alike.
struct HuggingfaceFamily {
  std::string architecture;
  std::vector<std::string> model_types;
  void (*read)(ConfigFields& config);
};

const std::vector<HuggingfaceFamily>& huggingface_families();

}  // namespace towtank
