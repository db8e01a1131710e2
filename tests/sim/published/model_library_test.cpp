#include "sim/published/model_library.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/model/parameters.hpp"
#include "tests/sim/published/run_maker.hpp"

namespace towtank {
namespace {

using ::testing::HasSubstr;

const ModelLibrary& library() {
  static const ModelLibrary kLibrary(
      std::string(TOWTANK_SOURCE_DIR) + "/scenarios/models",
      std::string(TOWTANK_SOURCE_DIR) + "/scenarios/published/names.toml");
  return kLibrary;
}

Architecture model_named(const std::string& name, const std::string& remark = "") {
  return library().model_of(run_of({{"id", "a"}, {"model", name}, {"confidence", remark}})).model;
}

TEST(ModelLibrary, KnowsSpellingsOfItsModels) {
  const std::pair<const char*, const char*> names[] = {
      {"Llama-3.1-8B", "Llama 3 8B"},
      {"LLAMA3-70B", "Llama 3 70B"},
      {"Meta Llama 3.1 70B Instruct", "Llama 3 70B"},
      {"Llama 3.1 405B (C4 segment)", "Llama 3.1 405B"},
      {"GPT3-175B", "GPT-3 175B"},
      {"DeepSeek V3 671B", "DeepSeek-V3"},
      {"mixtral 8x22b (folding)", "Mixtral 8x22B"},
      {"Mixtral-8x22B-G8T8 (mcore)", "Mixtral 8x22B-G8T8"},
      {"Qwen3-30B-A3B", "Qwen3 30B-A3B"},
      {"GPT-OSS-120B", "gpt-oss 120B"},
      {"GPT 175B (MegaScale; h12288 L96 a128)", "MegaScale GPT 175B"},
  };
  for (const auto& [written, name] : names) {
    EXPECT_EQ(model_named(written).name, name) << written;
  }
}

TEST(ModelLibrary, FinerVersionsAreOtherModels) {
  for (const char* const name : {"DeepSeek-V3.2",
                                 "Qwen3-Next-80B-A3B",
                                 "Nemotron 3 Nano 30B-A3B",
                                 "Llama 3.1 9B",
                                 "",
                                 "?"}) {
    EXPECT_THROW(model_named(name), InputError) << name;
  }
}

TEST(ModelLibrary, BuildsAGptFromTheSizesInItsName) {
  const Architecture model = model_named("My GPT (h1024 L6 a8)");
  EXPECT_EQ(model.hidden, 1024);
  EXPECT_EQ(model.layers, 6);
  EXPECT_EQ(model.dense_intermediate, 4096);
  EXPECT_EQ(attention_heads(model.attention), 8);
  const Architecture bloom = model_named("BLOOM-proto 181B (h14336 L72 a64)", "vocab 250k");
  EXPECT_EQ(bloom.vocabulary, 250'880);  // the library's, of which 250k is the rounded figure
  EXPECT_NEAR(total_parameters(bloom), 181e9, 2e9);
}

TEST(ModelLibrary, ShortensAModelToTheLayersOfItsProxy) {
  EXPECT_EQ(model_named("Grok-1 proxy (2 layers)").layers, 2);
  EXPECT_EQ(model_named("DeepSeek-V3 truncated to 4 layers").dense_layers, 1);
}

TEST(ModelLibrary, HoldsParametersAgainstTheRow) {
  const PublishedRun run =
      run_of({{"id", "a"}, {"model", "Llama 3 70B"}, {"params_total_B", "65.2"}});
  EXPECT_EQ(library().model_of(run).model.name, "Llama 3 70B");
  PublishedRun other = run;
  other.total_parameters = 33.0;
  EXPECT_THROW(library().model_of(other), InputError);
}

TEST(ModelLibrary, RefusesTrainingOfAnotherKindWithTheReason) {
  try {
    model_named("Llama 2 70B LoRA");
    FAIL() << "adapters are not modelled";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("adapters"));
  }
}

}  // namespace
}  // namespace towtank
