// Ops as profiles write them,
//
//   op = "gemm"
//   precision = "fp8-block"
//   shape = {m = 4096, n = 7168, k = 16384}
//
// and as commands take them: gemm m=4096 n=7168 k=16384 --precision fp8-block.
//
// A GEMM has m, n, k, and `groups` where several are computed together; attention has batch, heads,
// query, context, qk_dim, v_dim and causal, and where they matter kv_heads, window, kv_precision
// and spread; an expert layer tokens, hidden, intermediate, topk, experts, and where they matter
// tensor_parallel, expert_parallel, skew and gated; a collective ranks, nodes and bytes; an expert
// exchange ranks, nodes, tokens, hidden, topk and experts; every other kind rows and columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/model/op.hpp"
#include "sim/profile/toml_table.hpp"

namespace towtank {

/// Reads the keys `op`, `precision` and `shape` of a table. Mistakes go to the table.
Op read_op(TomlTable& table);

/// The same three lines, each ending in a newline; read_op() reads them back to an equal op.
std::string op_text(const Op& op);

/// The op of a command line: `sizes` are words like "m=4096", or several joined by commas. `kind`
/// may also be "mla-prefill" or "mla-backward": attention with DeepSeek-V3's head sizes. Optional
/// for attention: batch (1), causal (true), query or context (the other; decoding one query), and
/// `head_dim` for qk_dim and v_dim at once. `precision` may be empty: "bf16". Throws InputError
/// with a suggestion, or with an example of the kind's sizes.
Op parse_op(std::string_view kind,
            std::string_view precision,
            const std::vector<std::string>& sizes);

/// The words that parse_op() accepts as kinds.
std::vector<std::string> op_words();

/// An op of this kind with usual sizes, as examples show it.
Op example_op(OpKind kind);

/// The sizes of an op as a command takes them: "m=4096 n=7168 k=16384".
std::string op_sizes_text(const Op& op);

}  // namespace towtank
