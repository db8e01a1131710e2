// The models that are shipped: each comes to the parameters that its source publishes.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/model/parameters.hpp"
#include "sim/scenario/model_file.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

/// A figure as its source prints it, rounded or cut: 6.74e9 is known to 0.01e9.
struct Printed {
  double value = 0.0;
  double last_digit = 0.0;
};

/// "Published size: 46.7e9 parameters, 12.9e9 active without the embedding."
struct PublishedSize {
  Printed total;
  std::optional<Printed> active;
  bool total_without_embedding = false;
  bool active_without_embedding = false;
};

Printed printed(const std::string& mantissa, const std::string& exponent) {
  const std::size_t point = mantissa.find('.');
  const auto decimals =
      point == std::string::npos ? 0 : static_cast<int>(mantissa.size() - point - 1);
  const double unit = std::pow(10.0, std::stoi(exponent));
  return {.value = std::stod(mantissa) * unit, .last_digit = unit * std::pow(10.0, -decimals)};
}

std::optional<PublishedSize> published_size(const std::string& text) {
  static const std::regex kLine(
      R"(# Published size: ([0-9.]+)e([0-9]+) parameters( without the embedding)?)"
      R"((?:, ([0-9.]+)e([0-9]+) active( without the embedding)?)?\.\n)");
  std::smatch match;
  if (!std::regex_search(text, match, kLine)) {
    return std::nullopt;
  }
  PublishedSize size{.total = printed(match[1], match[2]),
                     .active = {},
                     .total_without_embedding = match[3].matched,
                     .active_without_embedding = match[6].matched};
  if (match[4].matched) {
    size.active = printed(match[4], match[5]);
  }
  return size;
}

std::vector<std::filesystem::path> library() {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(shipped("models"))) {
    files.push_back(file.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Within half a percent, or within what the figure's last digit says if that says less.
void expect_near(double count, const Printed& figure, const std::string& what) {
  const double tolerance = std::max(0.005 * figure.value, figure.last_digit);
  EXPECT_NEAR(count, figure.value, tolerance) << what;
}

TEST(ModelLibrary, EveryModelHasThePublishedNumberOfParameters) {
  int checked = 0;
  for (const std::filesystem::path& file : library()) {
    const std::string text = content(file.string());
    const auto size = published_size(text);
    if (!size) {
      EXPECT_TRUE(text.find("# No ") != std::string::npos) << file << " names no size";
      continue;
    }
    const Architecture model = read_model_file(file.string(), {}).model;
    const double embedding = static_cast<double>(model.vocabulary * model.hidden);
    const std::string name = file.stem().string();
    expect_near(total_parameters(model) - (size->total_without_embedding ? embedding : 0.0),
                size->total,
                name + ", total");
    if (size->active) {
      expect_near(active_parameters(model) - (size->active_without_embedding ? embedding : 0.0),
                  *size->active,
                  name + ", active");
      ++checked;
    }
    EXPECT_EQ(size->active.has_value() || name == "grok-1-314b", model.moe.experts > 0) << name;
  }
  EXPECT_GE(checked, 12);
}

TEST(ModelLibrary, EveryFileNamesItsSource) {
  const std::regex source(
      R"(arXiv[ \n#]+[0-9]{4}\.[0-9]{5}|config\.json|NVIDIA|llm-foundry|grok-1)");
  for (const std::filesystem::path& file : library()) {
    EXPECT_TRUE(std::regex_search(content(file.string()), source)) << file;
  }
}

TEST(ModelLibrary, SizesAreSummedFromTheirParts) {
  // Llama 3 8B by hand: embedding and head, 32 layers of attention, MLP and two norms, a last norm.
  const Architecture llama = read_model_file(shipped("models/llama3-8b.toml"), {}).model;
  const double attention = 2.0 * 4096 * 4096 + 2.0 * 4096 * 1024;
  const double layer = attention + 3.0 * 4096 * 14336 + 2.0 * 4096;
  EXPECT_DOUBLE_EQ(total_parameters(llama), 2.0 * 128256 * 4096 + 32 * layer + 4096);
  // Megatron-LM's formula for a GPT (arXiv 2104.04473, section 5): exact but for the last norm.
  const Architecture gpt = read_model_file(shipped("models/gpt-39.1b.toml"), {}).model;
  const double h = 8192;
  const double formula = 12 * 48 * h * h + 13 * 48 * h + (51200 + 2048) * h;
  EXPECT_DOUBLE_EQ(total_parameters(gpt), formula + 2 * h);
}

TEST(ModelLibrary, OneModelIsBasedOnAnother) {
  const Architecture whole = read_model_file(shipped("models/mixtral-8x22b.toml"), {}).model;
  const Architecture cut = read_model_file(shipped("models/mixtral-8x22b-g8t8.toml"), {}).model;
  EXPECT_EQ(cut.layers, whole.layers);
  // Eight times as many experts of an eighth of the width: only the router grows.
  const double router = 56.0 * 6144 * (64 - 8);
  EXPECT_DOUBLE_EQ(total_parameters(cut), total_parameters(whole) + router);
}

TEST(ModelFile, TakesOverridesAndReportsEveryMistake) {
  const std::string file = shipped("models/llama3-8b.toml");
  EXPECT_EQ(read_model_file(file, {{.key = "model.layers", .value = "4"}}).model.layers, 4);
  try {
    read_model_file(file,
                    {{.key = "model.attention.kv_heads", .value = "5"},
                     {.key = "model.dense_layers", .value = "1"}});
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_EQ(error.diagnostics().size(), 2U);
  }
  EXPECT_THROW(read_model_file(shipped("models/llama9.toml"), {}), EnvironmentError);
}

}  // namespace
}  // namespace towtank
