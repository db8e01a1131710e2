#include "sim/base/suggest.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace towtank {
namespace {

const std::vector<std::string> kKeys = {"pipeline", "expert", "context", "schedule", "zero"};

TEST(EditDistance, CountsSingleEdits) {
  EXPECT_EQ(edit_distance("pipeline", "pipeline"), 0);
  EXPECT_EQ(edit_distance("pipline", "pipeline"), 1);    // one letter missing
  EXPECT_EQ(edit_distance("pipelines", "pipeline"), 1);  // one too many
  EXPECT_EQ(edit_distance("pipeline", "pipeltne"), 1);   // one wrong
  EXPECT_EQ(edit_distance("pipelnie", "pipeline"), 1);   // two neighbours swapped
  EXPECT_EQ(edit_distance("", "zero"), 4);
}

TEST(EditDistance, IsSymmetricAndObeysTheTriangleInequalityOnKeys) {
  for (const std::string& a : kKeys) {
    for (const std::string& b : kKeys) {
      EXPECT_EQ(edit_distance(a, b), edit_distance(b, a));
      for (const std::string& c : kKeys) {
        EXPECT_LE(edit_distance(a, c), edit_distance(a, b) + edit_distance(b, c));
      }
    }
  }
}

TEST(Suggest, OneLetterOffFindsTheKey) {
  for (const std::string& key : kKeys) {
    for (std::size_t i = 0; i < key.size(); ++i) {
      std::string without = key;
      without.erase(i, 1);
      EXPECT_EQ(nearest_word(without, kKeys), key);
    }
  }
}

TEST(Suggest, NothingNearMeansNoSuggestionButTheList) {
  EXPECT_EQ(nearest_word("bandwidth", kKeys), "");
  EXPECT_EQ(suggest("bandwidth", kKeys), "one of: pipeline, expert, context, schedule, zero");
  EXPECT_EQ(suggest("pipline", kKeys), "did you mean 'pipeline'?");
}

}  // namespace
}  // namespace towtank
