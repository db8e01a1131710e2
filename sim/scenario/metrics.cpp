#include "sim/scenario/metrics.hpp"

namespace towtank {

const std::vector<std::string>& published_metrics() {
  static const std::vector<std::string> kMetrics = {"step.seconds",
                                                    "step.tokens",
                                                    "step.tokens_per_second_per_gpu",
                                                    "phases_seconds.forward",
                                                    "phases_seconds.backward",
                                                    "phases_seconds.weight",
                                                    "phases_seconds.overlapped",
                                                    "phases_seconds.bubble",
                                                    "phases_seconds.optimizer",
                                                    "phases_seconds.exposed_communication",
                                                    "efficiency.tflops_per_gpu_causal",
                                                    "efficiency.tflops_per_gpu_full",
                                                    "efficiency.mfu_causal",
                                                    "efficiency.mfu_full",
                                                    "memory.peak_gib",
                                                    "memory.capacity_gib",
                                                    "run.tokens",
                                                    "run.gpu_hours",
                                                    "run.days",
                                                    "run.dollars",
                                                    "extension.gpu_hours",
                                                    "total.gpu_hours",
                                                    "total.dollars",
                                                    "pair.seconds"};
  return kMetrics;
}

}  // namespace towtank
