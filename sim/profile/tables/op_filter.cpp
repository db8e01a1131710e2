#include "sim/profile/tables/op_filter.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

struct EverydayWord {
  std::string_view word;
  std::vector<OpKind> kinds;
};

const std::vector<EverydayWord>& everyday_words() {
  static const std::vector<OpKind> kNccl = {OpKind::kAllReduce,
                                            OpKind::kAllGather,
                                            OpKind::kReduceScatter,
                                            OpKind::kAllToAll,
                                            OpKind::kSendRecv,
                                            OpKind::kBroadcast};
  static const std::vector<OpKind> kDeepEp = {OpKind::kExpertDispatch,
                                              OpKind::kExpertCombine,
                                              OpKind::kExpertDispatchLowLatency,
                                              OpKind::kExpertCombineLowLatency};
  static const std::vector<EverydayWord> kWords = {
      {"attention",
       {OpKind::kAttentionForward,
        OpKind::kAttentionBackward,
        OpKind::kAttentionDecode,
        OpKind::kMlaDecode}},
      // MLA's prefill is attention whose values are narrower than its keys.
      {"mla",
       {OpKind::kAttentionForward,
        OpKind::kMlaDecode,
        OpKind::kMlaBlockPrefill,
        OpKind::kMlaBlockDecode}},
      {"mla-prefill", {OpKind::kAttentionForward, OpKind::kMlaBlockPrefill}},
      {"prefill", {OpKind::kAttentionForward, OpKind::kMlaBlockPrefill}},
      {"decode", {OpKind::kAttentionDecode, OpKind::kMlaDecode, OpKind::kMlaBlockDecode}},
      {"moe", {OpKind::kGroupedGemm, OpKind::kMaskedGroupedGemm, OpKind::kMoeLayer}},
      {"bmm", {OpKind::kBatchedGemm}},
      {"nccl", kNccl},
      {"deepep", kDeepEp},
      {"dispatch", {OpKind::kExpertDispatch, OpKind::kExpertDispatchLowLatency}},
      {"combine", {OpKind::kExpertCombine, OpKind::kExpertCombineLowLatency}},
      {"allreduce", {OpKind::kAllReduce}},
      {"allgather", {OpKind::kAllGather}},
      {"reducescatter", {OpKind::kReduceScatter}},
      {"alltoall", {OpKind::kAllToAll}},
      {"sendrecv", {OpKind::kSendRecv}},
  };
  return kWords;
}

/// In small letters, with hyphens.
std::string plain(std::string_view word) {
  std::string result(word);
  std::ranges::transform(result, result.begin(), [](unsigned char letter) {
    return letter == '_' || letter == ' ' ? '-' : static_cast<char>(std::tolower(letter));
  });
  return result;
}

void insert(std::vector<OpKind>& all, const std::vector<OpKind>& some) {
  all.insert(all.end(), some.begin(), some.end());
}

std::vector<std::string> known_words() {
  std::vector<std::string> words;
  for (const EverydayWord& everyday : everyday_words()) {
    words.emplace_back(everyday.word);
  }
  for (const OpKind kind : all_op_kinds()) {
    words.emplace_back(name(kind));
    words.emplace_back(name(family(kind)));
  }
  for (const TableLayout& layout : all_table_layouts()) {
    words.emplace_back(plain(layout.kind));
  }
  std::ranges::sort(words);
  const auto repeated = std::unique(words.begin(), words.end());
  words.erase(repeated, words.end());
  return words;
}

}  // namespace

std::vector<OpKind> kinds_named(std::string_view word) {
  const std::string wanted = plain(word);
  std::vector<OpKind> kinds;
  for (const EverydayWord& everyday : everyday_words()) {
    if (everyday.word == wanted) {
      insert(kinds, everyday.kinds);
    }
  }
  for (const OpKind kind : all_op_kinds()) {
    if (name(kind) == wanted || name(family(kind)) == wanted) {
      kinds.push_back(kind);
    }
  }
  for (const TableLayout& layout : all_table_layouts()) {
    if (plain(layout.kind) == wanted) {
      insert(kinds, layout.ops);
    }
  }
  if (kinds.empty()) {
    throw InputError({.file = fmt::format("--op {}", word)},
                     "no op, family of ops or kind of table is called so",
                     suggest(wanted, known_words()));
  }
  std::ranges::sort(kinds);
  const auto repeated = std::unique(kinds.begin(), kinds.end());
  kinds.erase(repeated, kinds.end());
  return kinds;
}

}  // namespace towtank
