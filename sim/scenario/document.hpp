// The scenario file as one tree: its `base` files below it, the command line's overrides above it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

/// The tables of a scenario that may name a `base` file, whose top level they are laid over. A base
/// file may itself have a base. Paths are relative to the directory of the file that names them,
/// and of the scenario file when the command line does. The scenario itself may name a `base`, a
/// whole scenario that it is laid over; a table with a base of its own starts from that instead of
/// from what the scenario's base has there.
///
/// A file name in the place of such a table, `model = "llama/config.json"`, is a table with that
/// base and nothing else. A base that ends in ".json" is the config.json of a model on Hugging
/// Face.
const std::vector<std::string>& tables_with_base();

/// Reads the scenario file, puts the overrides in, and lays the tables over their bases. Every
/// value keeps the place it was written at; an override's is "--set key=value". A base or an
/// override that cannot be used is recorded in `mistakes`, under the path of its table; what a base
/// says and is ignored goes to `warnings`. Throws InputError when the scenario file or its base is
/// no TOML, EnvironmentError when the scenario file cannot be read.
TomlNode read_scenario_document(const std::string& path,
                                const std::vector<Override>& overrides,
                                Mistakes& mistakes,
                                std::vector<Diagnostic>& warnings);

/// A document that holds nothing but "model", which starts from the file; overrides as above. A
/// file that cannot be used is recorded in `mistakes`. Throws EnvironmentError when there is none.
TomlNode read_model_document(const std::string& path,
                             const std::vector<Override>& overrides,
                             Mistakes& mistakes,
                             std::vector<Diagnostic>& warnings);

/// The place of the value at "training.extension.0.batch", or of the innermost table or array on
/// the way to it that the document has.
Place place_in(const TomlNode& document, std::string_view path);

}  // namespace towtank
