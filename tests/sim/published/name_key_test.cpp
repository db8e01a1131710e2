#include "sim/published/name_key.hpp"

#include <gtest/gtest.h>

namespace towtank {
namespace {

TEST(NameKey, SpellingsOfOneNameHaveOneKey) {
  EXPECT_EQ(name_key("Llama-3.1 405B"), name_key("llama 3.1-405b"));
  EXPECT_EQ(name_key("GPT-3 175B"), name_key("GPT3-175B"));
}

TEST(NameKey, DotsBetweenDigitsCount) {
  EXPECT_NE(name_key("Llama 3 1B"), name_key("Llama 3.1B"));
  EXPECT_EQ(name_key("dots.llm1"), "dotsllm1");
  EXPECT_EQ(name_key("v1."), "v1");
}

}  // namespace
}  // namespace towtank
