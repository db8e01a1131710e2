// Words that the graph, the engine, the runtime and the results share.
#pragma once

#include <array>
#include <string_view>

namespace towtank {

/// Where a rank's operations queue. Operations of one stream run in order; streams run side by
/// side.
enum class StreamKind {
  kCompute,
  kExpert,      // expert-parallel dispatch and combine
  kNext,        // pipeline sends to the following pipeline rank
  kPrevious,    // pipeline sends to the preceding pipeline rank
  kData,        // gradient and parameter collectives of the data-parallel group
  kTensor,      // collectives of the ranks that share a layer's columns
  kParameters,  // parameters gathered for the chunks that need them
};
inline constexpr int kStreamKinds = 7;

/// What a stretch of a rank's step is for.
enum class Phase {
  kForward,     // forward chunk alone
  kBackward,    // backward chunk alone (input gradient, with or without its weight gradient)
  kWeight,      // weight-gradient chunk alone
  kOverlapped,  // forward and backward chunk overlapped
  kOptimizer,   // gradient reduction, optimizer, parameter gathering
};
inline constexpr int kPhases = 5;

/// What a rank moves.
enum class TransferKind {
  kDispatch,      // tokens to their experts
  kCombine,       // expert results back
  kPointToPoint,  // activations and gradients between pipeline stages
  kReduceScatter,
  kAllGather,
  kAllReduce,
};
inline constexpr int kTransferKinds = 6;
/// Of these, the first, which profiles have link efficiencies of. All-reduces cost what NCCL's
/// algorithms do.
inline constexpr int kLinkKinds = 5;

/// Which of a GPU's ports a transfer uses.
enum class Medium { kNvlink, kNic };
inline constexpr int kMedia = 2;

constexpr std::string_view name(StreamKind stream) {
  constexpr std::array<std::string_view, kStreamKinds> kNames = {
      "compute", "expert", "pipeline-next", "pipeline-previous", "data", "tensor", "parameters"};
  return kNames[static_cast<std::size_t>(stream)];
}
constexpr std::string_view name(Phase phase) {
  constexpr std::array<std::string_view, kPhases> kNames = {
      "forward", "backward", "weight", "overlapped", "optimizer"};
  return kNames[static_cast<std::size_t>(phase)];
}
constexpr std::string_view name(TransferKind kind) {
  constexpr std::array<std::string_view, kTransferKinds> kNames = {
      "dispatch", "combine", "point-to-point", "reduce-scatter", "all-gather", "all-reduce"};
  return kNames[static_cast<std::size_t>(kind)];
}
constexpr std::string_view name(Medium medium) {
  constexpr std::array<std::string_view, kMedia> kNames = {"nvlink", "nic"};
  return kNames[static_cast<std::size_t>(medium)];
}

}  // namespace towtank
