// Which kernels of a trace are which op, and where their sizes stand: a small TOML file that people
// edit when their kernels are not in it (profiles/kernel-maps/kineto.toml).
//
//   [[kernel]]                     # the first entry whose pattern is found in the name counts
//   pattern = "^nvjet_"            # ECMAScript regular expression
//   ops = ["gemm", "batched-gemm"] # what it may be; the operator that launched it decides
//   shape = "operator"             # or "name", "message", "none"
//   library = "cublas"
//   precision = "bf16"             # optional: otherwise by the operands' element type
//   captures = ["m", "n", "k"]     # for shape = "name": the sizes that the groups capture
//   per_call = "one"               # optional: "several" or "helper", when a call launches more
//
//   [[operator]]
//   name = "aten::mm"
//   op = "gemm"
//   shape = {m = "0[0]", n = "1[1]", k = "0[1]"}   # of its recorded inputs
//
// A size is a product of terms joined by '*': a number, dimension J of input I as I[J] (negative J
// counts from the last), all dimensions but the last multiplied as I[:-1], or all elements of an
// input as I[*] (of a list of tensors: their sum). Optional keys of an operator: `precision`;
// `typed_by`, the inputs whose element type gives the precision (otherwise those that the sizes
// name); `alike`, inputs that must have the same type and dimensions; `scales_input`, the scales of
// an FP8 product, which tell one scale per 128 from one per tensor; for attention `causal`, or
// `causal_input`, the input that says it, and `window_input`, the input that says how many keys
// before its own a query sees (negative: all).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "sim/model/op.hpp"

namespace towtank {

/// Of a kernel name, so many characters are matched: std::regex matches recursively, and templates'
/// names are longer than its stack is deep.
inline constexpr std::size_t kLongestKernelName = 2000;

/// One factor of a size.
struct SizeTerm {
  enum class Take { kConstant, kDimension, kLeading, kElements };
  Take take = Take::kConstant;
  std::int64_t number = 1;  // the constant, or the dimension
  std::size_t input = 0;
};

/// A size of an op ("m", "rows", ...) as a product.
struct SizeRule {
  std::string size;
  std::vector<SizeTerm> terms;
};

struct OperatorRule {
  std::string name;
  OpKind op = OpKind::kGemm;
  std::vector<SizeRule> sizes;
  std::optional<Precision> precision;
  std::vector<std::size_t> typed_by;  // inputs, never empty
  std::vector<std::size_t> alike;
  std::optional<std::size_t> scales_input;
  bool causal = false;  // where no input says it
  std::optional<std::size_t> causal_input;
  std::optional<std::size_t> window_input;
};

struct KernelRule {
  enum class Shape { kOperator, kName, kMessage, kNone };
  /// How many kernels of this rule one call of an operator launches.
  enum class PerCall { kOne, kSeveral, kHelper };

  std::string pattern;
  std::regex regex;
  std::vector<OpKind> ops;
  Shape shape = Shape::kNone;
  PerCall per_call = PerCall::kOne;
  std::vector<std::string> captures;
  std::optional<Precision> precision;
  std::string library;
};

struct KernelMap {
  std::vector<KernelRule> kernels;
  std::vector<OperatorRule> operators;
};

/// InputError with every mistake of the text.
KernelMap parse_kernel_map(std::string_view text, const std::string& file);

/// The same from a file. EnvironmentError when it cannot be read.
KernelMap read_kernel_map(const std::string& path);

/// The first rule whose pattern is found in a kernel's name; null
/// when there is none.
const KernelRule* rule_for(const KernelMap& map, std::string_view kernel_name);

}  // namespace towtank
