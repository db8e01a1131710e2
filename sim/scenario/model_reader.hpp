// The [model] table of a scenario: what is computed.
#pragma once

#include "sim/model/architecture.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/rule_book.hpp"

namespace towtank {

/// Reads the table; mistakes are recorded in what it was made with.
Architecture read_model(TomlTable table);

/// Records every rule about the model alone that is broken. The document has it under "model".
void check_model(const Architecture& model, Rules& rules);

/// The longest sequence for which the model's attention is what is modelled, or 0 for any:
/// attention in chunks ("model.attention.chunk") sees everything while a sequence is one chunk.
std::int64_t longest_modelled_sequence(const TomlNode& document);

}  // namespace towtank
