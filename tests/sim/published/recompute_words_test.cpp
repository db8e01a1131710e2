#include "sim/published/recompute_words.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

Architecture latent_model() {
  Architecture model;
  model.attention = LatentAttention{};
  model.moe.shared_experts = 1;
  return model;
}

Architecture grouped_model() {
  Architecture model;
  model.attention = GroupedAttention{};
  return model;
}

TEST(RecomputeWords, FullIsWholeLayers) {
  EXPECT_TRUE(recompute_of("full", {}, grouped_model())->layers);
  EXPECT_FALSE(recompute_of("none", {}, grouped_model())->layers);
  EXPECT_FALSE(recompute_of("", {}, grouped_model()).has_value());
}

TEST(RecomputeWords, SelectiveAloneIsWhatTheStackMeans) {
  const Recompute habit{.core_attention = true};
  EXPECT_TRUE(recompute_of("selective", habit, grouped_model())->core_attention);
  EXPECT_TRUE(recompute_of("selective+SP", habit, grouped_model())->core_attention);
}

TEST(RecomputeWords, PartsAreThoseNamed) {
  const auto some = recompute_of("selective (RMSNorm, MLA up-proj)", {}, latent_model());
  EXPECT_TRUE(some->norms);
  EXPECT_TRUE(some->up_projections);
  EXPECT_FALSE(some->swiglu);
  const auto more = recompute_of("selective (norm, act, shared_expert)", {}, latent_model());
  EXPECT_TRUE(more->swiglu);
  EXPECT_TRUE(more->shared_experts);
  EXPECT_TRUE(recompute_of("selective (layernorm, moe)", {}, latent_model())->mlp);
}

TEST(RecomputeWords, WhatAModelLacksIsLeftOut) {
  const auto some = recompute_of("selective (norm, MLA up-proj)", {}, grouped_model());
  EXPECT_TRUE(some->norms);
  EXPECT_FALSE(some->up_projections);
}

TEST(RecomputeWords, OthersAreRefused) {
  EXPECT_THROW(recompute_of("sometimes", {}, grouped_model()), InputError);
  EXPECT_THROW(recompute_of("selective (embedding)", {}, grouped_model()), InputError);
}

}  // namespace
}  // namespace towtank
