// A Chrome trace as PyTorch's profiler (Kineto) writes it, reduced while it is read to what kernel
// times need: the kernels, the operators that launched them with the inputs that were recorded, and
// the messages of collectives. Traces reach gigabytes; what is kept is some bytes a kernel, and
// each distinct operator call once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/profile/tables/kernel_map.hpp"

namespace towtank {

/// An input of an operator, as far as it was recorded.
struct RecordedInput {
  std::vector<std::int64_t> dimensions;  // empty: no tensor, or a list of them
  std::int64_t elements = 0;             // of a list of tensors, together; -1: more than can be
  std::string type;                      // "c10::BFloat16", "float", ...
  std::string value;                     // of scalars: "True", "-1"; otherwise empty

  friend bool operator==(const RecordedInput&, const RecordedInput&) = default;
};

/// An operator and its inputs; `sized` when their dimensions were recorded at all.
struct OperatorCall {
  std::string name;
  bool sized = false;
  std::vector<RecordedInput> inputs;
};

/// What a collective moved. Zero, empty: not recorded.
struct Message {
  std::string collective;  // "allreduce", "_allgather_base", ...
  std::int64_t in_elements = 0;
  std::int64_t out_elements = 0;
  std::int64_t ranks = 0;
  std::string type;                      // "Float", "BFloat16", "bfloat16", ...
  std::vector<std::int64_t> rank_names;  // of the group, as the job counts its ranks

  friend bool operator==(const Message&, const Message&) = default;
};

struct TracedKernel {
  std::uint32_t name = 0;                   // index into ChromeTrace::kernel_names
  std::uint32_t line = 0;                   // of the file
  std::optional<std::uint32_t> message;     // index into ChromeTrace::messages
  std::optional<std::int64_t> external_id;  // of the operator call that launched it
  Seconds time;
};

struct ChromeTrace {
  std::string device;    // of the first GPU listed
  std::size_t gpus = 0;  // that the process saw
  std::size_t events = 0;
  std::vector<std::string> kernel_names;                       // each once
  std::vector<TracedKernel> kernels;                           // in the order of the file
  std::vector<OperatorCall> calls;                             // each once
  std::vector<Message> messages;                               // each once
  std::unordered_map<std::int64_t, std::uint32_t> call_of;     // External id: index into calls
  std::unordered_map<std::int64_t, std::uint32_t> message_of;  // External id: index into messages
};

/// Reads a trace, keeping the calls of the operators that `map` names. InputError, with line, when
/// the text is no JSON or has no events, and for a kernel without name or duration.
ChromeTrace read_chrome_trace(std::string_view text, const std::string& file, const KernelMap& map);

}  // namespace towtank
