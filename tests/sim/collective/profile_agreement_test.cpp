// Two ways to the time of one node's collectives: the network model, and the profile's fit of the
// same GPU's NCCL table.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/collective/choose.hpp"

namespace towtank {
namespace {

struct Pair {
  Collective collective;
  OpKind op;
};

std::vector<double> differences(const Profile& profile) {
  constexpr Pair kPairs[] = {{Collective::kAllReduce, OpKind::kAllReduce},
                             {Collective::kAllGather, OpKind::kAllGather},
                             {Collective::kReduceScatter, OpKind::kReduceScatter},
                             {Collective::kAllToAll, OpKind::kAllToAll}};
  std::vector<double> found;
  for (const auto& [collective, kind] : kPairs) {
    for (std::int64_t bytes = 1024; bytes <= 512 << 20; bytes *= 2) {
      const Op op{.kind = kind,
                  .precision = Precision::kBf16,
                  .shape = CollectiveShape{.ranks = 8, .nodes = 1, .bytes = bytes}};
      const KernelFit* const fit = find_fit(profile, op, "nccl");
      if (fit == nullptr || profile.gpu.nvlink == Bandwidth()) {
        continue;
      }
      const CollectiveCall call{.kind = collective,
                                .bytes = Bytes(static_cast<double>(bytes)),
                                .members = even_members(1, 8)};
      const PortSpeeds speeds{.nvlink = profile.gpu.nvlink, .nic = profile.gpu.nic};
      const Seconds network = choose(call, profile, speeds).choice.value().timing.total();
      found.push_back(
          std::abs(network / estimate(profile, op, profile.gpu.sms, "nccl").time - 1.0));
    }
  }
  std::ranges::sort(found);
  return found;
}

TEST(NetworkModel, AgreesWithTheProfilesFitOfOneNode) {
  int profiles = 0;
  for (const char* const gpu : {"a100-sxm", "b200-sxm", "h100-sxm", "h200-sxm"}) {
    const std::vector<double> found =
        differences(read_profile(TOWTANK_SOURCE_DIR "/profiles", gpu));
    if (!found.empty()) {
      ++profiles;
      EXPECT_LE(found[found.size() / 2], 0.12) << gpu;
      EXPECT_LE(found[found.size() * 9 / 10], 0.30) << gpu;
    }
  }
  EXPECT_GE(profiles, 3);
}

}  // namespace
}  // namespace towtank
