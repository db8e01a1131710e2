#include "sim/published/precision_words.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/published/name_key.hpp"

namespace towtank {
namespace {

struct Word {
  std::string_view key;
  Precision precision = Precision::kBf16;
};

/// Tensor cores scale MX blocks themselves, so that MXFP8 takes the time of one scale a tensor; its
/// scales, a byte for 32 elements, are left out. Larger blocks are scaled by kernels.
constexpr std::array<Word, 16> kWords = {{
    {"bf16", Precision::kBf16},
    {"fp16", Precision::kBf16},
    {"fp8", Precision::kFp8},
    {"fp8cs", Precision::kFp8},
    {"fp8currentscaling", Precision::kFp8},
    {"fp8ds", Precision::kFp8},
    {"fp8delayed", Precision::kFp8},
    {"fp8tensorwise", Precision::kFp8},
    {"fp8rowwise", Precision::kFp8},
    {"fp8blockwise", Precision::kFp8Block},
    {"fp8block", Precision::kFp8Block},
    {"fp8sc", Precision::kFp8Block},
    {"fp8mx", Precision::kFp8},
    {"mxfp8", Precision::kFp8},
    {"nvfp4", Precision::kFp4},
    {"fp4", Precision::kFp4},
}};

}  // namespace

std::optional<Precision> precision_of(std::string_view word) {
  const std::string key = name_key(word);
  if (key.empty()) {
    return std::nullopt;
  }
  const auto* const known = std::ranges::find(kWords, key, &Word::key);
  if (known == kWords.end()) {
    throw InputError({},
                     fmt::format("precision: '{}' is not modelled", word),
                     "BF16, FP16, FP8, FP8-blockwise, MXFP8 or NVFP4");
  }
  return known->precision;
}

}  // namespace towtank
