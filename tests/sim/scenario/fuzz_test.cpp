// Damaged scenario files: whatever they say, reading them ends in a scenario or in an InputError.
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/scenario/scenario.hpp"
#include "tests/sim/scenario/scenario_files.hpp"

namespace towtank {
namespace {

/// Uniform in [0, bound), the same on every platform.
std::size_t below(std::mt19937& random, std::size_t bound) {
  return random() % bound;
}

std::string damaged(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"\"",
                                                   "'",
                                                   "[",
                                                   "]]",
                                                   "{",
                                                   "}",
                                                   "=",
                                                   "\n",
                                                   "#",
                                                   ".",
                                                   ",",
                                                   "-",
                                                   "0",
                                                   "99999999999",
                                                   "1e400",
                                                   "nan",
                                                   "true",
                                                   "\\u0000",
                                                   "\xff",
                                                   std::string(1, '\0'),
                                                   "[plan]",
                                                   "base = \"",
                                                   "a.b.c = 1\n",
                                                   "2024-12-27",
                                                   "\"\"\"",
                                                   "\r",
                                                   "\xf0\x9f\x9a\xa2"};
  const std::size_t edits = 1 + below(random, 4);
  for (std::size_t edit = 0; edit < edits && !text.empty(); ++edit) {
    const std::size_t at = below(random, text.size());
    switch (below(random, 5)) {
      case 0:
        text[at] = static_cast<char>(below(random, 256));
        break;
      case 1:
        text.erase(at, 1 + below(random, 40));
        break;
      case 2:
        text.insert(at, kPieces[below(random, kPieces.size())]);
        break;
      case 3: {  // a piece of the file moves elsewhere
        const std::string piece = text.substr(at, 1 + below(random, 60));
        text.insert(below(random, text.size()), piece);
        break;
      }
      default: {  // a digit changes
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit != std::string::npos) {
          text[digit] = static_cast<char>('0' + below(random, 10));
        }
        break;
      }
    }
  }
  return text;
}

/// Reads it; an InputError must say something and say where.
bool is_sound(const std::string& path, const std::vector<Override>& overrides) {
  try {
    read_scenario(path, overrides);
    return true;
  } catch (const InputError& error) {
    EXPECT_FALSE(error.diagnostics().empty());
    for (const Diagnostic& diagnostic : error.diagnostics()) {
      EXPECT_FALSE(diagnostic.message.empty());
      EXPECT_FALSE(diagnostic.place.file.empty()) << diagnostic.message;
    }
    return false;
  }
}

TEST(Fuzz, DamagedFilesEndInAScenarioOrAnInputError) {
  const TemporaryFolder folder;
  const std::string bases[] = {
      "models/deepseek-v3.toml", "clusters/h800-2048.toml", "prices/h800-rental.toml"};
  for (const std::string& base : bases) {
    folder.write(base, content(shipped(base)));
  }
  const std::array<std::string, 2> originals = {whole_scenario(), content(shipped(kH800))};
  std::mt19937 random(20240607);
  int sound = 0;
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    const std::string& original = originals.at(static_cast<std::size_t>(round % 2));
    sound += is_sound(folder.write("s.toml", damaged(original, random)), {}) ? 1 : 0;
  }
  // Both outcomes were seen, so the damage is neither harmless nor hopeless.
  EXPECT_GT(sound, kRounds / 100);
  EXPECT_LT(sound, kRounds);
}

TEST(Fuzz, DamagedBasesEndInAScenarioOrAnInputError) {
  const TemporaryFolder folder;
  const std::vector<std::string> bases = {
      "models/deepseek-v3.toml", "clusters/h800-2048.toml", "prices/h800-rental.toml"};
  for (const std::string& base : bases) {
    folder.write(base, content(shipped(base)));
  }
  const std::string scenario = folder.write("s.toml", content(shipped(kH800)));
  std::mt19937 random(7);
  for (int round = 0; round < 1500; ++round) {
    const std::string& base = bases[static_cast<std::size_t>(round) % bases.size()];
    folder.write(base, damaged(content(shipped(base)), random));
    is_sound(scenario, {});
    folder.write(base, content(shipped(base)));
  }
}

TEST(Fuzz, DamagedOverridesEndInAScenarioOrAnInputError) {
  const std::vector<Override> originals = {{.key = "plan.pipeline", .value = "8"},
                                           {.key = "cluster.nic.bandwidth", .value = "400 Gbit/s"},
                                           {.key = "plan.stage_layers", .value = "[30, 31]"},
                                           {.key = "training.ramp", .value = "{from = 128}"}};
  std::mt19937 random(11);
  for (int round = 0; round < 1000; ++round) {
    const Override& original = originals[static_cast<std::size_t>(round) % originals.size()];
    is_sound(shipped(kH800),
             {{.key = damaged(original.key, random), .value = damaged(original.value, random)}});
  }
}

}  // namespace
}  // namespace towtank
