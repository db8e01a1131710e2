// The config.json of a model on Hugging Face, in the words of a [model] table.
//
// What its fields mean is defined by transformers' configuration classes; the families that are
// understood are those named by known_huggingface_architectures().
#pragma once

#include <string>
#include <vector>

#include "sim/profile/toml_document.hpp"
#include "sim/scenario/json_document.hpp"

namespace towtank {

/// Values of "architectures" that can be read.
std::vector<std::string> known_huggingface_architectures();

/// The [model] table that says the same, each value placed where its field stands, so that
/// overrides and rules work on it as on any other. The model is named after the file or its folder.
///
/// Fields without a bearing on time or memory are skipped. `warnings` gets what is ignored: a field
/// that is not known, and what is known and modelled in part. Throws InputError with every mistake:
/// an architecture that is not known, a field that is missing or of another type, a feature that is
/// not modelled, and an unknown field whose name speaks of computation.
TomlNode translate_huggingface_config(const JsonNode& config,
                                      const std::string& file,
                                      std::vector<Diagnostic>& warnings);

}  // namespace towtank
