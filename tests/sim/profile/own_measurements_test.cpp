#include "sim/profile/tables/own_measurements.hpp"

#include <random>
#include <string>
#include <variant>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/op_text.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kHead =
    "device = \"NVIDIA H100 80GB HBM3\"\n"
    "date = \"2026-11-22\"\n"
    "source = \"cuBLAS 13.1, 20 repetitions\"\n";

constexpr const char* kGemm =
    "[[measured]]\n"
    "op = \"gemm\"\n"
    "precision = \"bf16\"\n"
    "shape = {m = 4096, n = 7168, k = 16384}\n"
    "time = \"1.31 ms\"\n";

std::string mistakes_in(const std::string& text) {
  try {
    read_own_measurements(text, "mine.toml");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(OwnMeasurements, AreReadWithDeviceDateAndSource) {
  const std::string text = std::string(kHead) + "library = \"cublas\"\nversion = \"13.1\"\n" +
                           kGemm + "sms = 112\nspread = 0.02\n" +
                           "[[measured]]\nop = \"all-reduce\"\nprecision = \"bf16\"\n"
                           "shape = {ranks = 8, bytes = 1048576}\ntime = \"38 us\"\n"
                           "library = \"nccl\"\n";
  const OwnMeasurements own = read_own_measurements(text, "mine.toml");
  EXPECT_EQ(own.table.device, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(own.table.version, "13.1");
  EXPECT_EQ(own.table.kind, "measured");
  EXPECT_EQ(own.date, "2026-11-22");
  EXPECT_EQ(own.source, "cuBLAS 13.1, 20 repetitions");
  EXPECT_THAT(own.spreads, ElementsAre(0.02, 0.0));
  EXPECT_THAT(own.table.skipped, IsEmpty());
  ASSERT_THAT(own.table.samples, SizeIs(2));
  const Sample& gemm = own.table.samples[0];
  EXPECT_EQ(gemm.op, (Op{OpKind::kGemm, Precision::kBf16, GemmShape{4096, 7168, 16384}}));
  EXPECT_EQ(gemm.sms, 112);
  EXPECT_EQ(gemm.library, "cublas");
  EXPECT_EQ(gemm.line, 6U);
  EXPECT_DOUBLE_EQ(gemm.time / millisecond, 1.31);
  EXPECT_EQ(own.table.samples[1].library, "nccl");
  EXPECT_EQ(own.table.samples[1].sms, 0);
}

TEST(OwnMeasurements, OfEveryKindOfOpReadBack) {
  std::string text = std::string(kHead) + "library = \"own\"\n";
  for (const OpKind kind : all_op_kinds()) {
    text += "[[measured]]\n" + op_text(example_op(kind)) + "time = \"5 us\"\n";
  }
  const OwnMeasurements own = read_own_measurements(text, "mine.toml");
  ASSERT_THAT(own.table.samples, SizeIs(all_op_kinds().size()));
  for (std::size_t i = 0; i < own.table.samples.size(); ++i) {
    EXPECT_EQ(own.table.samples[i].op, example_op(all_op_kinds()[i]));
  }
}

TEST(OwnMeasurements, NameALibraryEachOrForAll) {
  EXPECT_THAT(mistakes_in(std::string(kHead) + kGemm),
              HasSubstr("mine.toml:4:1: missing key 'library' in [[measured]]"));
}

TEST(OwnMeasurements, ReportEveryMistakeAtItsPlace) {
  const std::string text =
      "device = 3\n"
      "date = \"yesterday\"\n"
      "library = \"cublas\"\n"
      "[[measured]]\n"
      "op = \"gem\"\n"
      "precision = \"bf16\"\n"
      "time = \"1.31 ms\"\n"
      "[[measured]]\n"
      "op = \"gemm\"\n"
      "precision = \"bf16\"\n"
      "shape = {m = 4096, n = 7168}\n"
      "time = 1.31\n"
      "repetitions = 20\n";
  const std::string message = mistakes_in(text);
  EXPECT_THAT(message, HasSubstr("mine.toml:1:10: 'device'"));
  EXPECT_THAT(message, HasSubstr("mine.toml:1:1: missing key 'source'"));
  EXPECT_THAT(message, HasSubstr("mine.toml:2:8: \"yesterday\" is not a date"));
  EXPECT_THAT(message, HasSubstr("mine.toml:5:6: 'measured.0.op'"));
  EXPECT_THAT(message, HasSubstr("mine.toml:11:9: missing key 'k'"));
  EXPECT_THAT(message, HasSubstr("mine.toml:12:8: 'measured.1.time'"));
  EXPECT_THAT(message, HasSubstr("mine.toml:13:1: unknown key 'repetitions'"));
}

TEST(OwnMeasurements, SayNothingTwice) {
  const std::string once = std::string(kHead) + "library = \"cublas\"\n" + kGemm;
  EXPECT_THAT(mistakes_in(once + kGemm),
              HasSubstr("mine.toml:11:6: gemm bf16 4096x7168x16384 of "
                        "cublas was measured in line 5 already"));
  EXPECT_THAT(mistakes_in(once + kGemm + "sms = 112\n"), IsEmpty());
  EXPECT_THAT(mistakes_in(once + kGemm + "library = \"cutlass\"\n"), IsEmpty());
}

TEST(OwnMeasurements, OfCollectivesOfOneRankAreRefused) {
  for (const OpKind kind : {OpKind::kAllReduce, OpKind::kExpertDispatch}) {
    Op op = example_op(kind);
    std::visit(
        [](auto& shape) {
          if constexpr (requires { shape.ranks; }) {
            shape.ranks = 1;
          }
        },
        op.shape);
    const std::string alone = std::string(kHead) + "library = \"nccl\"\n[[measured]]\n" +
                              op_text(op) + "time = \"5 us\"\n";
    EXPECT_THAT(mistakes_in(alone), HasSubstr(fmt::format("{} of one rank", name(kind))));
    EXPECT_THAT(mistakes_in(alone), HasSubstr("mine.toml:8:"));
  }
}

TEST(OwnMeasurements, OfNothingAreRefused) {
  EXPECT_THAT(mistakes_in(kHead), HasSubstr("nothing was measured"));
  EXPECT_THAT(mistakes_in("device = \n"), HasSubstr("mine.toml:1"));
}

TEST(OwnMeasurements, AreToldFromProfilesByTheirFirstLines) {
  EXPECT_TRUE(looks_like_own_measurements(kHead));
  EXPECT_TRUE(looks_like_own_measurements(std::string("# by hand\n") + kGemm));
  EXPECT_FALSE(looks_like_own_measurements(std::string("name = \"h100-sxm\"\n[gpu]\n") + kGemm));
  EXPECT_FALSE(looks_like_own_measurements("framework,version,device,op_name\n"));
  EXPECT_FALSE(looks_like_own_measurements(""));
}

TEST(OwnMeasurements, DamagedAnywhereAreReadOrRefused) {
  const std::string sound =
      std::string(kHead) + "library = \"cublas\"\n" + kGemm + "sms = 112\nspread = 0.02\n";
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = sound;
    const std::size_t at = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random() % 256);
        break;
      case 1:
        text.erase(at, 1 + random() % 30);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), 1 + random() % 40));
        break;
      default:
        text.resize(at);
    }
    try {
      EXPECT_GT(read_own_measurements(text, "mine.toml").table.samples.at(0).time, Seconds());
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1500);
}

}  // namespace
}  // namespace towtank
