#include "sim/published/stated_sizes.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

TEST(StatedSizes, OfAGptAreInItsName) {
  const StatedSizes sizes = sizes_of_name("GPT 39.1B (h8192 L48 a64)");
  EXPECT_EQ(sizes.hidden, 8192);
  EXPECT_EQ(sizes.layers, 48);
  EXPECT_EQ(sizes.heads, 64);
}

TEST(StatedSizes, OfAProxyAreItsLayers) {
  EXPECT_EQ(sizes_of_name("Grok-1 proxy (2 layers)").layers, 2);
  EXPECT_EQ(sizes_of_name("Llama3-70B truncated to 12 layers").layers, 12);
  EXPECT_FALSE(sizes_of_name("Llama 3 70B").layers.has_value());
  EXPECT_FALSE(sizes_of_name("Llama 3 70B").hidden.has_value());
}

TEST(StatedSizes, VocabulariesStandInRemarks) {
  EXPECT_EQ(vocabulary_of_remark("confirmed; vocab 64000; dp derived"), 64000);
  EXPECT_EQ(vocabulary_of_remark("TF includes recompute; vocab 250k; run date 02-21"), 250000);
  EXPECT_FALSE(vocabulary_of_remark("confirmed").has_value());
  EXPECT_FALSE(vocabulary_of_remark("vocab 99999999999999").has_value());
}

}  // namespace
}  // namespace towtank
