// A model that stands in a file of its own: TOML, or the config.json of Hugging Face.
#pragma once

#include <string>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// A model and what its file says that is ignored.
struct ModelFile {
  Architecture model;
  std::vector<Diagnostic> warnings;
};

/// Reads a file whose top level is a model, with overrides ("model.layers") laid over it, and
/// checks it as in a scenario. Throws InputError with every mistake, EnvironmentError when the file
/// cannot be read.
ModelFile read_model_file(const std::string& path, const std::vector<Override>& overrides);

}  // namespace towtank
