#include "sim/profile/op_text.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace towtank {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Op read(const std::string& text) {
  Mistakes mistakes;
  const TomlNode node = parse_toml(text, "point.toml");
  TomlTable table(node, "", mistakes);
  const Op op = read_op(table);
  table.finish();
  mistakes.throw_if_any();
  return op;
}

std::string mistakes_in(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string mistakes_in_words(std::string_view kind,
                              std::string_view precision,
                              const std::vector<std::string>& sizes) {
  try {
    parse_op(kind, precision, sizes);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// Ops of a kind with every part of their shape other than usual, one at a time.
std::vector<Op> variants(OpKind kind) {
  const Op example = example_op(kind);
  std::vector<Op> all = {example};
  const auto add = [&all, &example](const OpShape& shape) {
    all.push_back({.kind = example.kind, .precision = example.precision, .shape = shape});
  };
  if (const AttentionShape* attention = std::get_if<AttentionShape>(&example.shape)) {
    AttentionShape shape = *attention;
    shape.causal = false;
    add(shape);
    shape.kv_heads = 2;
    shape.window = 512;
    add(shape);
    shape.kv_precision = Precision::kFp8;
    shape.spread = true;
    add(shape);
  }
  if (const MoeShape* moe = std::get_if<MoeShape>(&example.shape)) {
    MoeShape shape = *moe;
    shape.skew = 1.01;
    shape.gated = false;
    shape.tensor_parallel = 4;
    shape.expert_parallel = 1;
    add(shape);
  }
  if (const CollectiveShape* collective = std::get_if<CollectiveShape>(&example.shape)) {
    add(CollectiveShape{.ranks = 32, .nodes = 4, .bytes = collective->bytes + 1});
  }
  if (const ExchangeShape* exchange = std::get_if<ExchangeShape>(&example.shape)) {
    ExchangeShape shape = *exchange;
    shape.nodes = 2;
    add(shape);
  }
  for (const Precision precision : all_precisions()) {
    Op op = example;
    op.precision = precision;
    all.push_back(op);
  }
  return all;
}

TEST(OpText, OfEveryKindReadsBackToTheSameOp) {
  for (const OpKind kind : all_op_kinds()) {
    for (const Op& op : variants(kind)) {
      EXPECT_EQ(read(op_text(op)), op) << op_text(op);
    }
  }
}

TEST(OpText, LeavesOutWhatMostShapesDoNotHave) {
  EXPECT_EQ(op_text(example_op(OpKind::kAttentionForward)),
            "op = \"attention-forward\"\nprecision = \"bf16\"\nshape = {batch = 1, heads = 128, "
            "query = 4096, context = 4096, qk_dim = 192, v_dim = 128, causal = true}\n");
}

TEST(OpText, RefusesWhatNoLayerOrClusterHas) {
  EXPECT_THAT(mistakes_in("op = \"all-reduce\"\nprecision = \"bf16\"\n"
                          "shape = {ranks = 12, nodes = 5, bytes = 8}\n"),
              HasSubstr("ranks = 12 is not a multiple of nodes = 5"));
  EXPECT_THAT(mistakes_in("op = \"moe\"\nprecision = \"bf16\"\nshape = {tokens = 1, hidden = 1, "
                          "intermediate = 1, topk = 8, experts = 4}\n"),
              HasSubstr("8 of 4 experts cannot be chosen"));
  EXPECT_THAT(
      mistakes_in("op = \"attention-decode\"\nprecision = \"bf16\"\nshape = {batch = 1, "
                  "heads = 32, kv_heads = 5, query = 1, context = 8, qk_dim = 4, v_dim = 4}\n"),
      HasSubstr("heads = 32 is not a multiple of kv_heads = 5"));
}

TEST(OpWords, OfEveryKindParseBackToTheSameOp) {
  for (const OpKind kind : all_op_kinds()) {
    for (const Op& op : variants(kind)) {
      const std::string text = op_sizes_text(op);
      std::string commas = text;
      std::ranges::replace(commas, ' ', ',');
      EXPECT_EQ(parse_op(name(kind), name(op.precision), {commas}), op) << text;
    }
  }
}

TEST(OpWords, MayComeApartOrTogether) {
  const Op op = {.kind = OpKind::kGemm,
                 .precision = Precision::kFp8Block,
                 .shape = GemmShape{.m = 1, .n = 2, .k = 3}};
  EXPECT_EQ(parse_op("gemm", "fp8-block", {"m=1", "n=2", "k=3"}), op);
  EXPECT_EQ(parse_op("gemm", "fp8-block", {"k=3,m=1", "n=2"}), op);
}

TEST(OpWords, OfAttentionNeedHeadsALengthAndTheSizeOfAHead) {
  const AttentionShape shape = {
      .batch = 1, .heads = 32, .query = 4096, .context = 4096, .qk_dim = 128, .v_dim = 128};
  const Op op = {.kind = OpKind::kAttentionForward, .precision = Precision::kBf16, .shape = shape};
  EXPECT_EQ(parse_op("attention-forward", "", {"heads=32", "query=4096", "head_dim=128"}), op);
  EXPECT_EQ(parse_op("attention-forward", "", {"heads=32", "context=4096", "head-dim=128"}), op);
  EXPECT_EQ(parse_op("attention-forward", "", {"heads=32", "context=4096", "qk_dim=128"}), op);
  EXPECT_EQ(
      std::get<AttentionShape>(
          parse_op("attention-decode", "", {"heads=32", "context=4096", "head_dim=128"}).shape)
          .query,
      1);
}

TEST(OpWords, KnowTheHeadsOfMultiHeadLatentAttention) {
  const Op prefill = parse_op("mla-prefill", "", {"heads=128", "query=4096"});
  EXPECT_EQ(prefill, example_op(OpKind::kAttentionForward));
  EXPECT_EQ(parse_op("mla-backward", "", {"heads=128", "query=4096"}),
            example_op(OpKind::kAttentionBackward));
  EXPECT_EQ(parse_op("mla-decode", "", {"batch=64", "heads=128", "context=4096"}),
            example_op(OpKind::kMlaDecode));
}

TEST(OpWords, AcceptBytesWithAUnitAndRoundNumbers) {
  const auto bytes = [](const std::string& word) {
    const Op op = parse_op("all-reduce", "", {"ranks=8", word});
    return std::get<CollectiveShape>(op.shape).bytes;
  };
  EXPECT_EQ(bytes("bytes=64MiB"), 67108864);
  EXPECT_EQ(bytes("bytes=1e9"), 1000000000);
  EXPECT_THAT(mistakes_in_words("all-reduce", "", {"ranks=8", "bytes=64MB/s"}), HasSubstr("bytes"));
  EXPECT_THAT(mistakes_in_words("all-reduce", "", {"ranks=64MiB", "bytes=8"}), HasSubstr("ranks"));
}

TEST(OpWords, ThatAreWrongAreAnsweredWithASuggestionOrAnExample) {
  EXPECT_THAT(mistakes_in_words("gem", "", {}), HasSubstr("did you mean 'gemm'?"));
  EXPECT_THAT(mistakes_in_words("mla-prefil", "", {}), HasSubstr("did you mean 'mla-prefill'?"));
  EXPECT_THAT(mistakes_in_words("gemm", "fp8-blok", {}), HasSubstr("did you mean 'fp8-block'?"));
  EXPECT_THAT(mistakes_in_words("gemm", "", {"m=1", "n=2"}),
              AllOf(HasSubstr("missing size 'k'"), HasSubstr("gemm m=4096 n=7168 k=16384")));
  EXPECT_THAT(mistakes_in_words("gemm", "", {"4096x7168x512"}),
              HasSubstr("gemm m=4096 n=7168 k=16384"));
  EXPECT_EQ(mistakes_in_words("attention-forward", "", {"heads=8"}),
            "missing size 'context'\nmissing size 'qk_dim'\n  hint: write, for example: " +
                ("attention-forward " + op_sizes_text(example_op(OpKind::kAttentionForward))));
  EXPECT_THAT(mistakes_in_words("gemm", "", {"m=1", "n=2", "k=3", "m=4"}), HasSubstr("twice"));
  EXPECT_THAT(mistakes_in_words("norm", "", {"rows=4", "colums=8"}),
              HasSubstr("did you mean 'columns'?"));
  EXPECT_THAT(mistakes_in_words("gemm", "", {"m=-1", "n=2", "k=3"}), HasSubstr("at least 1"));
  EXPECT_THAT(
      mistakes_in_words("mla-decode", "", {"heads=8", "context=9", "head_dim=8", "v_dim=4"}),
      HasSubstr("head_dim"));
}

TEST(OpWords, OfAnySortGiveAnOpOrAnInputError) {
  const std::vector<std::string> parts = {"m",
                                          "n",
                                          "=",
                                          "==",
                                          ",",
                                          "4096",
                                          "-1",
                                          "1e3",
                                          "0",
                                          "nan",
                                          "inf",
                                          "1e999",
                                          "true",
                                          "\"",
                                          "}",
                                          "\n",
                                          "k",
                                          "#",
                                          "rows",
                                          "columns",
                                          " ",
                                          "head_dim",
                                          "heads",
                                          "query",
                                          "0x10",
                                          "99999999999999999999",
                                          "\xff",
                                          "skew",
                                          "kv_precision",
                                          "fp8",
                                          "bytes",
                                          "GiB",
                                          "ranks",
                                          "'",
                                          "."};
  const std::vector<std::string> kinds = op_words();
  std::mt19937 random(11);
  const auto any = [&random](const std::vector<std::string>& of) {
    return of[std::uniform_int_distribution<std::size_t>(0, of.size() - 1)(random)];
  };
  for (int trial = 0; trial < 20000; ++trial) {
    std::vector<std::string> words(trial % 5);
    for (std::string& word : words) {
      word = any(parts) + "=" + any(parts);
      for (int more = trial % 3; more > 0; --more) {
        word += any(parts);
      }
    }
    try {
      const std::string kind = any(kinds);
      const Op op = parse_op(kind, trial % 7 == 0 ? any(parts) : "", words);
      EXPECT_EQ(parse_op(name(op.kind), name(op.precision), {op_sizes_text(op)}), op);
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
    }
  }
}

TEST(OpText, NamesTheNearestKind) {
  EXPECT_THAT(mistakes_in("op = \"quantise\"\nprecision = \"bf16\"\nshape = {}\n"),
              HasSubstr("did you mean 'quantize'?"));
}

TEST(OpText, WithTheShapeOfAnotherFamilyReportsWhatIsMissingAndWhatIsTooMuch) {
  const std::string text =
      mistakes_in("op = \"gemm\"\nprecision = \"bf16\"\nshape = {rows = 4, columns = 8}\n");
  EXPECT_THAT(text, HasSubstr("missing key 'm'"));
  EXPECT_THAT(text, HasSubstr("missing key 'k'"));
  EXPECT_THAT(text, HasSubstr("unknown key 'rows'"));
}

TEST(OpText, HasGroupsOnlyWhereExpertsAreComputedTogether) {
  const std::string shape =
      "precision = \"bf16\"\nshape = {m = 8, n = 8, k = 8, groups = 2}\nop = ";
  EXPECT_THAT(mistakes_in(shape + "\"gemm\""), HasSubstr("unknown key 'groups'"));
  EXPECT_EQ(mistakes_in(shape + "\"grouped-gemm\""), "");
  EXPECT_EQ(mistakes_in(shape + "\"weight-gemm\""), "");
}

TEST(OpText, RefusesEmptyDimensions) {
  EXPECT_THAT(mistakes_in("op = \"norm\"\nprecision = \"bf16\"\nshape = {rows = 0, columns = 8}\n"),
              HasSubstr("at least 1"));
}

}  // namespace
}  // namespace towtank
