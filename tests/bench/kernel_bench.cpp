// What one kernel's estimate costs. Targets: under 1 us warm (asked before: `remembered`), under
// 20 us cold (never asked: `warm` with the profile's numbers in the caches, `cold` without). Run by
// tools/bench.
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "sim/profile/kernel_times.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {
namespace {

const std::string kRoot = TOWTANK_SOURCE_DIR;

const Profile& profile_of(const std::string& gpu) {
  static const Profile kH100 = read_profile(kRoot + "/profiles", "h100-sxm");
  static const Profile kH800 = read_profile(kRoot + "/profiles", "h800-sxm");
  return gpu == "h100-sxm" ? kH100 : kH800;
}

/// Ops of one kind on random sizes, none measured.
std::vector<Op> random_ops(OpKind kind) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> exponent(5.0, 14.0);
  const auto size = [&] { return std::llround(std::exp2(exponent(random))); };
  std::vector<Op> ops(4096);
  for (Op& op : ops) {
    op.kind = kind;
    if (kind == OpKind::kGemm || kind == OpKind::kWeightGemm) {
      op.precision = Precision::kFp8Block;
      op.shape = GemmShape{.m = size(), .n = size(), .k = size()};
    } else if (kind == OpKind::kMoeLayer) {
      op.shape = MoeShape{
          .tokens = size(), .hidden = 4096, .intermediate = 14336, .topk = 2, .experts = 8};
    } else {
      const std::int64_t length = size();
      op.shape = AttentionShape{.batch = 1 + length % 64,
                                .heads = 32,
                                .query = kind == OpKind::kAttentionDecode ? 1 : length,
                                .context = length,
                                .qk_dim = 128,
                                .v_dim = 128,
                                .kv_heads = 8};
    }
  }
  return ops;
}

void warm(benchmark::State& state, const std::string& gpu, OpKind kind) {
  const Profile& profile = profile_of(gpu);
  const std::vector<Op> ops = random_ops(kind);
  std::size_t i = 0;
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(estimate(profile, ops[i++ % ops.size()], profile.gpu.sms));
  }
}
BENCHMARK_CAPTURE(warm, fitted_gemm, "h100-sxm", OpKind::kGemm)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warm, fitted_attention, "h100-sxm", OpKind::kAttentionForward)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warm, fitted_decode, "h100-sxm", OpKind::kAttentionDecode)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warm, fitted_experts, "h100-sxm", OpKind::kMoeLayer)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warm, fitted_gemm_corrected_by_points, "h800-sxm", OpKind::kGemm)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(warm, neighbours_of_single_points, "h800-sxm", OpKind::kWeightGemm)
    ->Unit(benchmark::kMicrosecond);

/// The same kernels again, as steps and searches ask for them.
void remembered(benchmark::State& state) {
  const Profile& profile = profile_of("h800-sxm");
  const KernelTimes times(profile);
  const std::vector<Op> ops = random_ops(OpKind::kWeightGemm);
  std::size_t i = 0;
  while (state.KeepRunning()) {
    benchmark::DoNotOptimize(times.of(ops[i++ % 64], profile.gpu.sms));
  }
}
BENCHMARK(remembered)->Unit(benchmark::kMicrosecond);

/// Every estimate after something else has filled the caches.
void cold(benchmark::State& state, const std::string& gpu, OpKind kind) {
  constexpr std::size_t kMoreThanTheCaches = std::size_t{64} << 20U;
  const Profile& profile = profile_of(gpu);
  const std::vector<Op> ops = random_ops(kind);
  std::vector<unsigned char> other(kMoreThanTheCaches);
  std::size_t i = 0;
  while (state.KeepRunning()) {
    state.PauseTiming();
    for (std::size_t at = 0; at < other.size(); at += 64) {
      ++other[at];
    }
    benchmark::DoNotOptimize(other.data());
    state.ResumeTiming();
    benchmark::DoNotOptimize(estimate(profile, ops[i++ % ops.size()], profile.gpu.sms));
  }
}
BENCHMARK_CAPTURE(cold, fitted_gemm, "h100-sxm", OpKind::kGemm)
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(200);
BENCHMARK_CAPTURE(cold, neighbours_of_single_points, "h800-sxm", OpKind::kWeightGemm)
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(200);

}  // namespace
}  // namespace towtank
