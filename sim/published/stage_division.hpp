// How a framework deals layers to pipeline stages.
#pragma once

#include <cstdint>
#include <vector>

namespace towtank {

/// As many layers for each stage. Where they do not go in, the embedding and the head count as a
/// layer each (Megatron-Core's account_for_embedding_in_pipeline_split), or one of them does; where
/// that does not help either, it is empty, and stages are balanced by FLOP. At least one layer a
/// stage.
std::vector<int> even_stage_layers(std::int64_t layers, std::int64_t stages);

}  // namespace towtank
