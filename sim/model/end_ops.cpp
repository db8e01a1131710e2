// What a decoder begins and ends with: embedding, head and the join of an MTP module.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_shape.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {
namespace {

/// FP32 numbers of a token on which ranks with a part of the vocabulary each agree: the largest
/// logit, the sum of exponentials and the logit of the right token.
constexpr double kSharedByLoss = 3.0;

OpKind forward_kind(Loss loss) {
  switch (loss) {
    case Loss::kWhole:
      return OpKind::kCrossEntropy;
    case Loss::kParallel:
      return OpKind::kParallelCrossEntropy;
    case Loss::kFused:
      return OpKind::kFusedCrossEntropy;
  }
  return OpKind::kCrossEntropy;
}

/// A fused loss has written the logits' gradient; it is only multiplied by the loss's, in place.
OpKind backward_kind(Loss loss) {
  return loss == Loss::kFused ? OpKind::kCopy : OpKind::kCrossEntropyBackward;
}

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

}  // namespace

std::vector<Op> embedding_ops(const Architecture& model, const TokenShard& shard, LayerPass pass) {
  const std::int64_t positioned = model.learned_positions > 0 ? shard.tokens : 0;
  OpWriter writer(shard, {});
  if (pass == LayerPass::kForward) {
    // A rank looks up what is in its part of the vocabulary; the sum over the ranks has every row.
    writer.sweep(OpKind::kEmbed, shard.tokens, model.hidden);
    if (positioned > 0) {  // added to the sum before each rank takes its own tokens (Megatron-Core)
      writer.among_tensor_ranks(
          OpKind::kAllReduce, Precision::kBf16, kBf16Bytes * product(shard.tokens, model.hidden));
    } else {
      writer.scatter(model.hidden);
    }
    writer.sweep(OpKind::kAdd, positioned, model.hidden);
  } else if (pass == LayerPass::kWeightGradient) {
    writer.gather(model.hidden);
    writer.sweep(OpKind::kEmbedBackward, shard.tokens, model.hidden);
    writer.sweep(OpKind::kEmbedBackward, positioned, model.hidden);
  }
  return writer.take();
}

std::vector<Op> head_ops(const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t vocabulary = per_rank(model.vocabulary, shard.tensor);
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.own_tokens(), hidden);
      writer.gather(hidden);
      writer.precise_gemm(Precision::kBf16, shard.tokens, hidden, vocabulary);
      writer.sweep(forward_kind(recipe.loss), shard.tokens, vocabulary);
      writer.among_tensor_ranks(OpKind::kAllReduce,
                                Precision::kFp32,
                                kFp32Bytes * kSharedByLoss * static_cast<double>(shard.tokens));
      break;
    case LayerPass::kInputGradient:
      writer.sweep(backward_kind(recipe.loss), shard.tokens, vocabulary);
      writer.precise_gemm(Precision::kBf16, shard.tokens, vocabulary, hidden);
      writer.scatter(hidden);
      writer.sweep(OpKind::kNormBackward, shard.own_tokens(), hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.gather(hidden);
      writer.precise_weight_gradient(Precision::kBf16, shard.tokens, hidden, vocabulary);
      break;
  }
  return writer.take();
}

std::vector<Op> mtp_join_ops(const Architecture& model,
                             const TokenShard& shard,
                             const Recipe& recipe,
                             LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  const std::int64_t own = shard.own_tokens();
  const Linear join{
      .in = 2 * hidden, .out = per_rank(hidden, shard.tensor), .split = Split::kColumns};
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kEmbed, shard.tokens, hidden);
      writer.scatter(hidden);
      writer.sweep(OpKind::kNorm, own, hidden);
      writer.sweep(OpKind::kNorm, own, hidden);
      writer.forward(join);
      // Every rank's columns to all of them, which then take their own tokens.
      writer.among_tensor_ranks(
          OpKind::kAllGather, Precision::kBf16, kBf16Bytes * product(shard.tokens, hidden));
      break;
    case LayerPass::kInputGradient:
      writer.gather(hidden);
      writer.input_gradient(join);
      writer.sweep(OpKind::kNormBackward, own, hidden);
      writer.sweep(OpKind::kNormBackward, own, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(join);
      writer.gather(hidden);
      writer.sweep(OpKind::kEmbedBackward, shard.tokens, hidden);
      break;
  }
  return writer.take();
}

}  // namespace towtank
