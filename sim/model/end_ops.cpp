// What a decoder begins and ends with: embedding, head and the join of an MTP module.
#include "sim/model/layer_ops.hpp"
#include "sim/model/op_writer.hpp"

namespace towtank {

std::vector<Op> embedding_ops(const Architecture& model, const TokenShard& shard, LayerPass pass) {
  const std::int64_t positioned = model.learned_positions > 0 ? shard.tokens : 0;
  OpWriter writer(shard, {});
  if (pass == LayerPass::kForward) {
    writer.sweep(OpKind::kEmbed, shard.tokens, model.hidden);
    writer.sweep(OpKind::kAdd, positioned, model.hidden);
  } else if (pass == LayerPass::kWeightGradient) {
    writer.sweep(OpKind::kEmbedBackward, shard.tokens, model.hidden);
    writer.sweep(OpKind::kEmbedBackward, positioned, model.hidden);
  }
  return writer.take();
}

std::vector<Op> head_ops(const Architecture& model,
                         const TokenShard& shard,
                         const Recipe& recipe,
                         LayerPass pass) {
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kNorm, shard.tokens, model.hidden);
      writer.precise_gemm(Precision::kBf16, model.hidden, model.vocabulary);
      writer.sweep(OpKind::kCrossEntropy, shard.tokens, model.vocabulary);
      break;
    case LayerPass::kInputGradient:
      writer.sweep(OpKind::kCrossEntropyBackward, shard.tokens, model.vocabulary);
      writer.precise_gemm(Precision::kBf16, model.vocabulary, model.hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, model.hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.precise_weight_gradient(Precision::kBf16, model.hidden, model.vocabulary);
      break;
  }
  return writer.take();
}

std::vector<Op> mtp_join_ops(const Architecture& model,
                             const TokenShard& shard,
                             const Recipe& recipe,
                             LayerPass pass) {
  const std::int64_t hidden = model.hidden;
  OpWriter writer(shard, recipe);
  switch (pass) {
    case LayerPass::kForward:
      writer.sweep(OpKind::kEmbed, shard.tokens, hidden);
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.sweep(OpKind::kNorm, shard.tokens, hidden);
      writer.linear(2 * hidden, hidden);
      break;
    case LayerPass::kInputGradient:
      writer.input_gradient(hidden, 2 * hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      writer.sweep(OpKind::kNormBackward, shard.tokens, hidden);
      break;
    case LayerPass::kWeightGradient:
      writer.weight_gradient(2 * hidden, hidden);
      writer.sweep(OpKind::kEmbedBackward, shard.tokens, hidden);
      break;
  }
  return writer.take();
}

}  // namespace towtank
