#include "sim/profile/tables/recorded_op.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <regex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

constexpr std::int64_t kMostOfASize = 1'000'000'000'000;

/// Sizes by name.
using Sizes = std::map<std::string, std::int64_t, std::less<>>;

std::int64_t size_or(const Sizes& sizes, std::string_view name, std::int64_t fallback) {
  const auto found = sizes.find(name);
  return found == sizes.end() ? fallback : found->second;
}

/// a * b, unless it is no size or beyond reason.
std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
  if (a < 1 || b < 1 || b > kMostOfASize / a) {
    return std::nullopt;
  }
  return a * b;
}

/// What one factor of a size is in this call.
std::optional<std::int64_t> term_of(const SizeTerm& term, const OperatorCall& call) {
  if (term.take == SizeTerm::Take::kConstant) {
    return term.number;
  }
  if (term.input >= call.inputs.size()) {
    return std::nullopt;
  }
  const RecordedInput& input = call.inputs[term.input];
  const std::vector<std::int64_t>& all = input.dimensions;
  const auto count = static_cast<std::int64_t>(all.size());
  if (term.take == SizeTerm::Take::kDimension) {
    const std::int64_t at = term.number < 0 ? count + term.number : term.number;
    return at >= 0 && at < count ? std::optional(all[static_cast<std::size_t>(at)]) : std::nullopt;
  }
  if (term.take == SizeTerm::Take::kElements && all.empty()) {
    return input.elements > 0 ? std::optional(input.elements) : std::nullopt;
  }
  if (all.empty()) {
    return std::nullopt;
  }
  std::optional<std::int64_t> result = 1;
  const std::size_t last = all.size() - (term.take == SizeTerm::Take::kLeading ? 1 : 0);
  for (std::size_t i = 0; i < last && result; ++i) {
    result = product(*result, all[i]);
  }
  return result;
}

std::optional<std::int64_t> size_of(const SizeRule& rule, const OperatorCall& call) {
  std::optional<std::int64_t> result = 1;
  for (const SizeTerm& term : rule.terms) {
    const std::optional<std::int64_t> factor = term_of(term, call);
    result = factor && result ? product(*result, *factor) : std::nullopt;
  }
  return result;
}

/// What the profiler calls an element type of a tensor.
std::optional<Precision> precision_of_type(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, Precision>, 8> kTypes = {
      {{"c10::BFloat16", Precision::kBf16},
       {"c10::Half", Precision::kBf16},
       {"float", Precision::kFp32},
       {"c10::Float8_e4m3fn", Precision::kFp8},
       {"c10::Float8_e5m2", Precision::kFp8},
       {"signed char", Precision::kInt8},
       {"unsigned char", Precision::kInt8},
       {"at::BFloat16", Precision::kBf16}}};
  const auto found =
      std::ranges::find(kTypes, type, &std::pair<std::string_view, Precision>::first);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
}

/// The precision that all of the rule's typed inputs have.
std::optional<Precision> precision_of_inputs(const OperatorRule& rule, const OperatorCall& call) {
  std::optional<Precision> common;
  for (const std::size_t input : rule.typed_by) {
    const std::optional<Precision> here =
        input < call.inputs.size() ? precision_of_type(call.inputs[input].type) : std::nullopt;
    if (!here || (common && *common != *here)) {
      return std::nullopt;
    }
    common = here;
  }
  return common;
}

/// Whether scales are one per 128 of the reduction, as in block quantisation: then that many stand
/// along one dimension of the tensor, and more than one in all.
bool has_block_scales(const RecordedInput& scales, std::int64_t k) {
  const std::int64_t blocks = (k + 127) / 128;
  return scales.dimensions.size() == 2 && blocks > 1 &&
         std::ranges::find(scales.dimensions, blocks) != scales.dimensions.end();
}

bool all_alike(const OperatorRule& rule, const OperatorCall& call) {
  return std::ranges::all_of(rule.alike, [&rule, &call](std::size_t input) {
    const std::size_t first = rule.alike.front();
    return input < call.inputs.size() && first < call.inputs.size() &&
           call.inputs[input].type == call.inputs[first].type &&
           call.inputs[input].dimensions == call.inputs[first].dimensions;
  });
}

/// The scalar that was given as an input; empty when it was not recorded.
std::string_view value_of(std::optional<std::size_t> input, const OperatorCall& call) {
  return input && *input < call.inputs.size() ? std::string_view(call.inputs[*input].value)
                                              : std::string_view();
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size() ? std::optional(value)
                                                                   : std::nullopt;
}

/// Shape from sizes, but for attention's mask.
RecordedOp op_of_sizes(OpKind kind, Precision precision, const Sizes& sizes) {
  Op op = {.kind = kind, .precision = precision, .shape = {}};
  const auto size = [&sizes](std::string_view name) { return size_or(sizes, name, 0); };
  switch (shape_form(kind)) {
    case ShapeForm::kGemm:
      op.shape = GemmShape{size("m"), size("n"), size("k"), size_or(sizes, "groups", 1)};
      break;
    case ShapeForm::kSweep:
      op.shape = SweepShape{size("rows"), size("columns")};
      break;
    case ShapeForm::kAttention: {
      AttentionShape shape = {.batch = size("batch"),
                              .heads = size("heads"),
                              .query = size("query"),
                              .context = size("context"),
                              .qk_dim = size("qk_dim"),
                              .v_dim = size("v_dim"),
                              .kv_heads = size_or(sizes, "kv_heads", 0)};
      if (shape.kv_heads > 0 && shape.heads % shape.kv_heads != 0) {
        return {std::nullopt, "its heads are no multiple of its kv heads"};
      }
      if (shape.kv_heads == shape.heads) {
        shape.kv_heads = 0;
      }
      op.shape = shape;
      break;
    }
    case ShapeForm::kMoe:
    case ShapeForm::kCollective:
    case ShapeForm::kExchange:
      check(false, "rules have sizes for GEMMs, attention and sweeps only");
  }
  return {op, ""};
}

/// Fills in which keys a query sees. What is wrong, or empty.
std::string mask(AttentionShape& shape, const OperatorRule& rule, const OperatorCall& call) {
  shape.causal = rule.causal;
  if (rule.causal_input) {
    const std::string_view causal = value_of(rule.causal_input, call);
    if (causal != "True" && causal != "False") {
      return "it was not recorded whether it is causal";
    }
    shape.causal = causal == "True";
  }
  const std::optional<std::int64_t> before = integer(value_of(rule.window_input, call));
  if (before && *before >= 0 && *before < kMostOfASize) {
    shape.window = *before + 1;  // its own key as well
  }
  return "";
}

/// "all-reduce" for "allreduce", "_allgather_base" and their like; none for what moves several
/// tensors, whose sizes are not those of one message.
std::optional<OpKind> collective_named(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, OpKind>, 14> kNames = {
      {{"allreduce", OpKind::kAllReduce},
       {"all_reduce", OpKind::kAllReduce},
       {"_allgather_base", OpKind::kAllGather},
       {"allgather", OpKind::kAllGather},
       {"all_gather", OpKind::kAllGather},
       {"_reduce_scatter_base", OpKind::kReduceScatter},
       {"reduce_scatter", OpKind::kReduceScatter},
       {"all_to_all", OpKind::kAllToAll},
       {"all_to_allv", OpKind::kAllToAll},
       {"alltoall", OpKind::kAllToAll},
       {"alltoall_base", OpKind::kAllToAll},
       {"broadcast", OpKind::kBroadcast},
       {"_broadcast_oop", OpKind::kBroadcast},
       {"_reduce_scatter_oop", OpKind::kReduceScatter}}};
  const auto found = std::ranges::find(kNames, name, &std::pair<std::string_view, OpKind>::first);
  return found == kNames.end() ? std::nullopt : std::optional(found->second);
}

/// Precision and bytes of an element of a message.
struct ElementType {
  std::string_view name;  // in lower case
  Precision precision = Precision::kBf16;
  std::int64_t bytes = 1;
};

std::optional<ElementType> element_type(std::string name) {
  constexpr std::array kTypes = {ElementType{"float", Precision::kFp32, 4},
                                 ElementType{"float32", Precision::kFp32, 4},
                                 ElementType{"bfloat16", Precision::kBf16, 2},
                                 ElementType{"half", Precision::kBf16, 2},
                                 ElementType{"float16", Precision::kBf16, 2},
                                 ElementType{"float8_e4m3fn", Precision::kFp8, 1},
                                 ElementType{"float8_e5m2", Precision::kFp8, 1},
                                 ElementType{"byte", Precision::kInt8, 1},
                                 ElementType{"uint8", Precision::kInt8, 1},
                                 ElementType{"char", Precision::kInt8, 1},
                                 ElementType{"int8", Precision::kInt8, 1}};
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const auto found = std::ranges::find(kTypes, name, &ElementType::name);
  return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

/// On how many nodes the group's ranks lie, if evenly; 0 when that is not known.
std::int64_t nodes_of(const Message& message, std::size_t gpus_of_node) {
  if (gpus_of_node < 2 || static_cast<std::int64_t>(message.rank_names.size()) != message.ranks) {
    return 0;
  }
  std::map<std::int64_t, std::int64_t> on_node;
  for (const std::int64_t rank : message.rank_names) {
    ++on_node[rank / static_cast<std::int64_t>(gpus_of_node)];
  }
  const auto nodes = static_cast<std::int64_t>(on_node.size());
  const bool even = std::ranges::all_of(on_node, [nodes, &message](const auto& node) {
    return node.second * nodes == message.ranks;
  });
  return even ? nodes : 0;
}

}  // namespace

RecordedOp op_of_call(const OperatorRule& rule,
                      const KernelRule& kernel,
                      const OperatorCall& call) {
  if (!call.sized) {
    return {std::nullopt, "its operator's input sizes were not recorded (record_shapes=True)"};
  }
  Sizes sizes;
  for (const SizeRule& size : rule.sizes) {
    const std::optional<std::int64_t> value = size_of(size, call);
    if (!value) {
      return {std::nullopt,
              fmt::format("{} has inputs of other sizes than its rule says", call.name)};
    }
    sizes[size.size] = *value;
  }
  if (!all_alike(rule, call)) {
    return {std::nullopt, fmt::format("the inputs of {} are not alike", call.name)};
  }
  std::optional<Precision> precision = kernel.precision ? kernel.precision : rule.precision;
  if (!precision) {
    precision = precision_of_inputs(rule, call);
  }
  if (!precision) {
    return {std::nullopt, fmt::format("{} has inputs of other element types", call.name)};
  }
  if (precision == Precision::kFp8 && rule.scales_input &&
      *rule.scales_input < call.inputs.size() &&
      has_block_scales(call.inputs[*rule.scales_input], size_or(sizes, "k", 0))) {
    precision = Precision::kFp8Block;
  }
  RecordedOp result = op_of_sizes(rule.op, *precision, sizes);
  if (AttentionShape* shape =
          result.op ? std::get_if<AttentionShape>(&result.op->shape) : nullptr) {
    result.why = mask(*shape, rule, call);
    if (rule.op == OpKind::kAttentionForward && shape->query == 1 && shape->context > 1) {
      result.op->kind = OpKind::kAttentionDecode;
    }
    if (!result.why.empty()) {
      result.op.reset();
    }
  }
  return result;
}

RecordedOp op_of_name(const KernelRule& rule, std::string_view kernel_name) {
  const std::string name(kernel_name.substr(0, kLongestKernelName));
  std::smatch match;
  if (!rule.precision || !std::regex_search(name, match, rule.regex)) {
    return {std::nullopt, "its name holds no sizes"};
  }
  Sizes sizes;
  for (std::size_t i = 0; i < rule.captures.size(); ++i) {
    const std::optional<std::int64_t> value = integer(match.str(i + 1));
    if (!value || *value < 1 || *value > kMostOfASize) {
      return {std::nullopt, fmt::format("its name holds no size '{}'", rule.captures[i])};
    }
    sizes[rule.captures[i]] = *value;
  }
  return op_of_sizes(rule.ops.front(), *rule.precision, sizes);
}

RecordedOp op_of_message(const Message& message, std::size_t gpus_of_node) {
  const std::optional<OpKind> kind = collective_named(message.collective);
  if (!kind) {
    return {std::nullopt, fmt::format("collective '{}'", shown(message.collective, 40))};
  }
  const std::optional<ElementType> type = element_type(message.type);
  if (!type) {
    return {std::nullopt, fmt::format("a message of element type '{}'", shown(message.type, 40))};
  }
  const std::int64_t nodes = nodes_of(message, gpus_of_node);
  if (nodes == 0 || message.ranks < 2) {
    return {std::nullopt, "its ranks and their nodes were not recorded"};
  }
  const std::optional<std::int64_t> bytes =
      product(std::max(message.in_elements, message.out_elements), type->bytes);
  if (!bytes) {
    return {std::nullopt, "the size of its message was not recorded"};
  }
  return {Op{.kind = *kind,
             .precision = type->precision,
             .shape = CollectiveShape{.ranks = message.ranks, .nodes = nodes, .bytes = *bytes}},
          ""};
}

}  // namespace towtank
