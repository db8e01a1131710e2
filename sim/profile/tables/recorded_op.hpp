// The op behind a kernel of a trace: from the inputs of the operator that launched it, from the
// kernel's name, or from the message of a collective.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/model/op.hpp"
#include "sim/profile/tables/chrome_trace.hpp"
#include "sim/profile/tables/kernel_map.hpp"

namespace towtank {

/// An op, or why it is not known.
struct RecordedOp {
  std::optional<Op> op;
  std::string why;
};

/// From an operator's inputs, by the operator's rule. Attention of one query a sequence against
/// longer keys is decoding, whatever the rule calls it.
RecordedOp op_of_call(const OperatorRule& rule, const KernelRule& kernel, const OperatorCall& call);

/// From the sizes that the rule's pattern captures in the kernel's name.
RecordedOp op_of_name(const KernelRule& rule, std::string_view kernel_name);

/// From what a collective moved. `gpus_of_node` tells ranks of one node from others; with fewer
/// than two, as when every process sees its own GPU alone, the nodes are not known and no
/// collective is.
RecordedOp op_of_message(const Message& message, std::size_t gpus_of_node);

}  // namespace towtank
