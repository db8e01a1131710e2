// A small projection with round numbers, made by hand: a step of 10 s in which every phase, cause
// and cost is known.
#pragma once

#include "reports/training_report.hpp"

namespace towtank {

inline TrainingReport small_report() {
  TrainingReport report;
  report.scenario = "small";
  report.title = "A small model on 16 GPUs";
  report.plan = "PP2 x DP8";
  report.gpu = "test-gpu";
  report.step = {.time = 10.0 * second,
                 .low = 9.0 * second,
                 .high = 11.0 * second,
                 .tokens = 1'600'000.0,
                 .tokens_per_second_per_gpu = 10'000.0,
                 .tokens_per_day = 1'600'000.0 * 8640.0};
  report.phases = {.forward = 1.0 * second,
                   .backward = 2.0 * second,
                   .weight = 0.5 * second,
                   .overlapped = 5.0 * second,
                   .bubble = 1.25 * second,
                   .optimizer = 0.25 * second,
                   .exposed_communication = 0.75 * second};
  report.mean_phases = report.phases;
  report.ranks = {{.pipeline = 0, .ranks = 8, .phases = report.phases, .peak_memory = 60.0 * GiB},
                  {.pipeline = 1, .ranks = 8, .phases = report.phases, .peak_memory = 64.0 * GiB}};
  report.critical_path = {{.cause = "gemm", .time = 6.0 * second, .error = 0.05},
                          {.cause = "attention", .time = 2.0 * second, .error = 0.03},
                          {.cause = "nvlink reduce-scatter", .time = 1.5 * second, .error = 0.15},
                          {.cause = "nic dispatch", .time = 0.5 * second, .error = 0.15}};
  report.origins = {{.origin = "measured", .share = 0.75}, {.origin = "datasheet", .share = 0.25}};
  report.efficiency = {.per_gpu_causal = 400.0 * TFLOP / second,
                       .per_gpu_full = 440.0 * TFLOP / second,
                       .mfu_causal = 0.40,
                       .mfu_full = 0.44};
  report.memory = {.peak = 64.0 * GiB,
                   .capacity = 80.0 * GiB,
                   .fits = true,
                   .pipeline = 1,
                   .classes = {{"activations", 40.0 * GiB}, {"weights", 24.0 * GiB}}};
  report.links = {{.name = "nic",
                   .pipeline = 1,
                   .utilisation = 0.5,
                   .carried = 250.0 * GB,
                   .capacity = 50.0 * GB / second}};
  report.grid = {.pipeline = 2,
                 .data = 4,
                 .context = 2,
                 .tensor = 1,
                 .expert_data = 2,
                 .expert = 4,
                 .ranks_per_node = 8};
  report.groups = {{.name = "expert dispatch",
                    .groups = 4,
                    .ranks = 4,
                    .nodes = 1,
                    .calls = 128.0,
                    .nvlink = 2.5 * GB,
                    .nic = {},
                    .largest_nvlink = 3.0 * GB,
                    .largest_nic = {},
                    .all_ranks = 40.0 * GB},
                   {.name = "pipeline",
                    .groups = 8,
                    .ranks = 2,
                    .nodes = 2,
                    .calls = 16.0,
                    .nvlink = {},
                    .nic = 125.0 * MB,
                    .largest_nvlink = {},
                    .largest_nic = 125.0 * MB,
                    .all_ranks = 2.0 * GB}};
  report.pair = {.time = 128.0 * millisecond, .layers = 4};
  report.run = {.name = "main run",
                .tokens = 1e12,
                .gpu_hours = 1000.0,
                .duration = 62.5 * hour,
                .dollars = 2000.0 * dollar,
                .error = 0.1,
                .basis = "simulated"};
  report.phases_of_training = {report.run,
                               {.name = "post-training",
                                .tokens = 0.0,
                                .gpu_hours = 100.0,
                                .duration = 6.25 * hour,
                                .dollars = 200.0 * dollar,
                                .error = 0.0,
                                .basis = "a paper"}};
  report.total_gpu_hours = 1100.0;
  report.total_dollars = 2200.0 * dollar;
  report.price = 2.0 * dollar / hour;
  report.price_source = "a price list";
  report.published = {
      {.metric = "step.seconds", .published = 8.0, .projected = 10.0, .source = "a paper"}};
  report.engine = {
      .wall_seconds = 0.25, .activities = 1234, .gpus = 16, .classes = 2, .folded = true};
  report.inputs = {{.key = "cluster.gpu", .value = "test-gpu"},
                   {.key = "cluster.nvlink.bandwidth", .value = "200 GB/s"},
                   {.key = "prices.per_gpu", .value = "2 $/h"},
                   {.key = "published.step.seconds", .value = "8"}};
  return report;
}

}  // namespace towtank
