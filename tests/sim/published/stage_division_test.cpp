#include "sim/published/stage_division.hpp"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StageDivision, GivesEveryStageAsManyLayersWhereThatGoes) {
  EXPECT_THAT(even_stage_layers(8, 4), ElementsAre(2, 2, 2, 2));
}

TEST(StageDivision, CountsEmbeddingAndHeadAsLayersOtherwise) {
  EXPECT_THAT(even_stage_layers(6, 4), ElementsAre(1, 2, 2, 1));
  const std::vector<int> llama = even_stage_layers(126, 64);  // Llama 3.1 405B on 8 x 8 stages
  ASSERT_EQ(llama.size(), 64U);
  EXPECT_EQ(llama.front(), 1);
  EXPECT_EQ(llama[1], 2);
  EXPECT_EQ(llama.back(), 1);
}

TEST(StageDivision, LosesNoLayerAndLeavesNoStageEmpty) {
  for (std::int64_t layers = 1; layers <= 130; ++layers) {
    for (std::int64_t stages = 1; stages <= layers; ++stages) {
      const std::vector<int> division = even_stage_layers(layers, stages);
      if (!division.empty()) {
        EXPECT_EQ(std::accumulate(division.begin(), division.end(), std::int64_t{0}), layers);
        EXPECT_GE(*std::ranges::min_element(division), 1);
      }
    }
  }
  EXPECT_THAT(even_stage_layers(61, 16), IsEmpty());
}

}  // namespace
}  // namespace towtank
