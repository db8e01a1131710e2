// Ops as profiles write them:
//
//   op = "gemm"
//   precision = "fp8-block"
//   shape = {m = 4096, n = 7168, k = 16384}
//
// A GEMM has m, n, k, and `groups` where experts are computed together; attention has batch, heads,
// query, context, qk_dim, v_dim and causal; every other kind has rows and columns.
#pragma once

#include <string>

#include "sim/model/op.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads the keys `op`, `precision` and `shape` of a table. Mistakes go to the table.
Op read_op(TomlTable& table);

/// The same three lines, each ending in a newline; read_op() reads them back to an equal op.
std::string op_text(const Op& op);

}  // namespace towtank
