#include "sim/profile/tables/read_table.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/profile/table_texts.hpp"

namespace towtank {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::string kGemms = "gemm_dtype,m,n,k,latency\nbfloat16,64,128,256,0.5\nfp8,1,2,3,0.25\n";

// What a file is

TEST(ReadTable, KnowsARenamedTableByItsColumns) {
  const SampleTable table = read_as("holdout.csv", kGemms);
  EXPECT_EQ(table.kind, "gemm_perf");
  EXPECT_EQ(table.device, "");
  EXPECT_THAT(table.samples, SizeIs(2));
  EXPECT_THAT(table.samples, Each(Field(&Sample::library, "trtllm")));
}

TEST(ReadTable, TakesDeviceAndLibraryFromAnyName) {
  const SampleTable table = read_as("holdout_h200_sxm_sglang_gemm.csv", kGemms);
  EXPECT_EQ(table.device, "h200_sxm");
  EXPECT_THAT(table.samples, Each(Field(&Sample::library, "sglang")));
}

TEST(ReadTable, TakesDeviceVersionAndLibraryFromColumnsWhereTheyWereKept) {
  const SampleTable table = read_as(
      "gemm_perf.csv",
      "framework,version,device,op_name,kernel_source,gemm_dtype,m,n,k,latency\n"
      "VLLM,0.24.0,NVIDIA H100 80GB HBM3,gemm,torch.nn.functional.linear,bfloat16,1,2,3,1\n");
  EXPECT_EQ(table.device, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(table.version, "0.24.0");
  EXPECT_EQ(table.samples.at(0).library, "vllm");
}

TEST(ReadTable, TakesTheLibraryFromItsKernelsWhereNothingElseSaysIt) {
  const std::string columns = "kernel_source,gemm_dtype,m,n,k,latency\n";
  const auto library_of = [&](const std::string& kernel) {
    return read_as("x.csv", columns + kernel + ",bfloat16,1,2,3,1\n").samples.at(0).library;
  };
  EXPECT_EQ(library_of("sglang_torch_linear"), "sglang");
  EXPECT_EQ(library_of("torch.nn.functional.linear"), "vllm");
  EXPECT_EQ(library_of("DeepGemmFp8BlockScaledMMKernel"), "vllm/deepgemm");
  EXPECT_EQ(library_of("torch_flow"), "trtllm");
}

TEST(ReadTable, TellsDecodingFromPrefillByTheSequences) {
  const std::string columns =
      "mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,tp_size,step,latency\n";
  EXPECT_EQ(
      read_as("x.csv", columns + "bfloat16,fp8,8,1,1,1,0,1\nbfloat16,fp8,8,1,64,1,0,1\n").kind,
      "context_mla_perf");
  EXPECT_EQ(
      read_as("x.csv", columns + "bfloat16,fp8,8,1,1,1,1,1\nbfloat16,fp8,8,1,1,1,63,1\n").kind,
      "generation_mla_perf");
}

TEST(ReadTable, TellsDecodedBlocksByARateThatNoPrefillReaches) {
  const std::string columns =
      "kernel_source,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,isl,step,latency\n";
  const std::string row = "fa3,fp8_block,fp8,fp8_block,128,8,16384,0,";
  EXPECT_EQ(read_as("x.csv", columns + row + "0.3\n").kind, "mla_generation_module_perf");
  EXPECT_EQ(read_as("x.csv", columns + row + "150\n").kind, "mla_context_module_perf");
}

TEST(ReadTable, ListensToOpNameWhereKindsHaveTheSameColumns) {
  const std::string columns = "op_name,m,k,quant_dtype,latency\n";
  EXPECT_EQ(read_as("x.csv", columns + "scale_matrix,1,2,fp8,1\n").kind, "scale_matrix_perf");
  EXPECT_EQ(read_as("x.csv", columns + "compute_scale,1,2,fp8,1\n").kind, "computescale_perf");
}

TEST(ReadTable, RefusesToGuessBetweenKinds) {
  EXPECT_THAT(mistakes_of("x.csv", "m,k,quant_dtype,latency\n1,2,fp8,1\n"),
              ElementsAre(AllOf(HasSubstr("scale_matrix_perf and of computescale_perf"),
                                HasSubstr("file's name"))));
}

TEST(ReadTable, NamesTheNearestKindAndWhatItMisses) {
  EXPECT_THAT(mistakes_of("x.csv", "gemm_dtype,m,n,time\nfp8,1,2,3\n"),
              ElementsAre(AllOf(StartsWith("1: "),
                                HasSubstr("nearest is gemm_perf, which also has k, latency"),
                                HasSubstr("can be read: gemm_perf"))));
  EXPECT_THAT(mistakes_of("gemm_perf.csv", "gemm_dtype,m,n,time\nfp8,1,2,3\n"),
              ElementsAre(HasSubstr("without the columns k, latency")));
}

TEST(ReadTable, RefusesKindsThatAreNotModelled) {
  EXPECT_THAT(mistakes_of("h100_sxm__sparse__dsa_context_module_perf__vllm-0.24.0.csv", kGemms),
              ElementsAre(AllOf(HasSubstr("dsa_context_module_perf cannot be read"),
                                HasSubstr("nearest: mla_context_module_perf"))));
  EXPECT_THAT(
      mistakes_of("x.csv",
                  "model,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,isl,step,latency\n"
                  "zai-org/GLM-5,bfloat16,fp8,fp8_block,64,2,16,0,0.1\n"),
      ElementsAre(AllOf(HasSubstr("no row"), HasSubstr("zai-org/GLM-5"))));
  EXPECT_THAT(mistakes_of("x.csv", "op_name,gemm_dtype,m,n,k,latency\nconvolution,fp8,1,2,3,1\n"),
              ElementsAre(HasSubstr("op_name")));
}

TEST(ReadTable, PointsFromParquetToText) {
  EXPECT_THAT(mistakes_of("gemm_perf.parquet", "PAR1\x15\x04"), ElementsAre(HasSubstr("to_csv")));
}

TEST(ReadTable, LeavesTracesToTheirReader) {
  EXPECT_THAT(mistakes_of("trace.json", R"({"schemaVersion": 1, "traceEvents": [{"ph": "X"}]})"),
              ElementsAre(HasSubstr("towtank profile import")));
}

TEST(ReadTable, ReadsOwnMeasurements) {
  const SampleTable table = read_as("mine.toml",
                                    "device = \"h100-sxm\"\ndate = \"2026-11-22\"\n"
                                    "source = \"a test\"\nlibrary = \"cublas\"\n\n"
                                    "[[measured]]\nop = \"gemm\"\nprecision = \"bf16\"\n"
                                    "shape = {m = 64, n = 128, k = 256}\ntime = \"0.5 ms\"\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op, read_as("x.csv", kGemms).samples[0].op);
  EXPECT_EQ(table.samples[0].time, read_as("x.csv", kGemms).samples[0].time);
}

TEST(ReadTable, ReadsNcclTestsText) {
  const std::string text =
      "# nccl-tests version 2.17.2\n# Collective test starting: all_reduce_perf\n"
      "#  Rank  0 Group  0 Pid 1 on  node device  0 [0x1b] NVIDIA H100 80GB HBM3\n"
      "#  Rank  1 Group  0 Pid 1 on  node device  1 [0x1c] NVIDIA H100 80GB HBM3\n"
      "#       size         count      type   redop    root     time   algbw   busbw #wrong     "
      "time   algbw   busbw #wrong\n"
      "     1048576        262144     float     sum      -1    10.00  104.86  104.86      0    "
      "10.00  104.86  104.86      0\n";
  const SampleTable table = read_as("log.txt", text);
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op.kind, OpKind::kAllReduce);
}

// Compression and the machine

constexpr std::string_view kPackedGemm(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x4b\x4f\xcd\xcd\x8d\x4f\x29\xa9\x2c\x48\xd5\xc9\xd5"
    "\xc9\xd3\xc9\xd6\xc9\x49\x2c\x49\xcd\x4b\xae\xe4\x4a\x4a\xcb\xc9\x4f\x2c\x31\x34\xd3\x31\x33"
    "\xd1\x31\x34\xb2\xd0\x31\x32\x35\xd3\x31\xd0\x33\xe5\x02\x00\x58\x2d\x4a\x48\x31\x00\x00\x00",
    69);  // the columns of kGemms and its first row

/// A file of this name and content for as long as this lives.
class TableFile {
 public:
  TableFile(const std::string& name, std::string_view content)
      : path_((std::filesystem::path(::testing::TempDir()) / name).string()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;
  ~TableFile() { std::remove(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ReadTable, UnpacksGzipWhateverTheNameSays) {
  for (const std::string name : {"towtank_gemm_perf.csv.gz", "towtank_gemm_perf.csv"}) {
    const TableFile file(name, kPackedGemm);
    const SampleTable table = read_table(file.path());
    EXPECT_EQ(table.file, file.path());
    ASSERT_THAT(table.samples, SizeIs(1));
    EXPECT_EQ(table.samples[0].op, read_as("x.csv", kGemms).samples[0].op);
  }
}

TEST(ReadTable, RefusesBrokenCompression) {
  std::string changed(kPackedGemm);
  changed[30] = '\x55';
  for (const std::string& packed :
       {changed, std::string(kPackedGemm.substr(0, 50)), std::string(kPackedGemm.substr(0, 5))}) {
    const TableFile file("towtank_broken.csv.gz", packed);
    try {
      read_table(file.path());
      ADD_FAILURE() << packed.size() << " bytes were read";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("gzip"));
    }
  }
}

TEST(ReadTable, AnyChangedByteOfACompressedTableIsReadOrRefused) {
  for (std::size_t byte = 0; byte < kPackedGemm.size(); ++byte) {
    std::string changed(kPackedGemm);
    changed[byte] = static_cast<char>(changed[byte] ^ 0x41);
    const TableFile file("towtank_changed.csv.gz", changed);
    try {
      EXPECT_THAT(read_table(file.path()).samples, SizeIs(1)) << "byte " << byte;
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
    }
  }
}

TEST(ReadTable, SaysWhenTheMachineCannotReadTheFile) {
  EXPECT_THROW(read_table("no/such/table.csv"), EnvironmentError);
  EXPECT_THROW(read_table(::testing::TempDir()), EnvironmentError);
}

// Mistakes

TEST(ReadTable, NamesEveryWrongLineAtOnceAndReturnsNothing) {
  const std::vector<std::string> said = mistakes_of("gemm_perf.csv",
                                                    "gemm_dtype,m,n,k,latency\n"
                                                    "bfloat16,64,128,256,0.5\n"
                                                    "bfloat16,64.5,128,256,0.5\n"
                                                    "bfloat16,0,128,256,0.5\n"
                                                    "bfloat16,64,-1,256,0.5\n"
                                                    "bfloat16,64,128,256,nan\n"
                                                    "bfloat16,64,128,256,0\n"
                                                    "bfloat16,64,128,256,-0.5\n"
                                                    "bfloat16,64,128,256,1e999\n"
                                                    "bfloat16,64,128,256,0.5ms\n"
                                                    "bfloat17,64,128,256,0.5\n"
                                                    "bfloat16,64,128,99999999999999999999,0.5\n");
  EXPECT_THAT(
      said,
      ElementsAre(AllOf(StartsWith("3: m is '64.5'"), HasSubstr("whole number")),
                  StartsWith("4: m is '0'"),
                  StartsWith("5: n is '-1'"),
                  AllOf(StartsWith("6: latency is 'nan'"), HasSubstr("above zero")),
                  StartsWith("7: latency is '0'"),
                  StartsWith("8: latency is '-0.5'"),
                  StartsWith("9: latency is '1e999'"),
                  StartsWith("10: latency is '0.5ms'"),
                  AllOf(StartsWith("11: gemm_dtype is 'bfloat17'"), HasSubstr("'bfloat16'")),
                  StartsWith("12: k is '99999999999999999999'")));
}

TEST(ReadTable, NamesTenLinesAndCountsTheRest) {
  std::string text = "gemm_dtype,m,n,k,latency\n";
  for (int row = 0; row < 40; ++row) {
    text += "bfloat16,64,128,256,none\n";
  }
  const std::vector<std::string> said = mistakes_of("gemm_perf.csv", text);
  ASSERT_THAT(said, SizeIs(10));
  EXPECT_THAT(said.back(), HasSubstr("30 more lines are wrong"));
}

TEST(ReadTable, RefusesShapesThatContradictThemselves) {
  EXPECT_THAT(
      mistakes_of("x.csv",
                  "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,"
                  "moe_ep_size,distribution,latency\nfp8,1,64,64,9,8,1,1,balanced,1\n"),
      ElementsAre(HasSubstr("topk")));
  EXPECT_THAT(mistakes_of("x.csv",
                          "batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,"
                          "kv_cache_dtype,step,latency\n1,8,4,8,64,fp8,fp8,0,1\n"),
              ElementsAre(HasSubstr("8 kv heads for 4 heads")));
}

TEST(ReadTable, RefusesUnknownLoadsAndCollectives) {
  EXPECT_THAT(
      mistakes_of("x.csv",
                  "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,"
                  "moe_ep_size,distribution,latency\nfp8,1,64,64,2,8,1,1,ballanced,1\n"),
      ElementsAre(HasSubstr("did you mean 'balanced'")));
  EXPECT_THAT(mistakes_of("x.csv",
                          "op_name,nccl_dtype,num_gpus,message_size,latency\n"
                          "all_reduc,half,8,4,1\nall_reduce,half,1,4,1\n"),
              ElementsAre(AllOf(StartsWith("2: "), HasSubstr("'all_reduce'")),
                          AllOf(StartsWith("3: "), HasSubstr("num_gpus"))));
}

TEST(ReadTable, RefusesTablesWithoutRows) {
  EXPECT_THAT(mistakes_of("x.csv", "gemm_dtype,m,n,k,latency\n"),
              ElementsAre(HasSubstr("no rows")));
  EXPECT_THAT(mistakes_of("x.csv", ""), ElementsAre(HasSubstr("empty")));
}

// Whatever the text, an answer or an InputError

std::string mutated(std::string text, std::mt19937& random) {
  constexpr std::string_view kPieces[] = {"\"",
                                          ",",
                                          "\n",
                                          "\r",
                                          "-",
                                          ".",
                                          "e",
                                          "nan",
                                          "inf",
                                          "0",
                                          "9999999999",
                                          "\xff",
                                          "",
                                          "bfloat16"};
  std::uniform_int_distribution<std::size_t> changes(1, 2);
  for (std::size_t change = changes(random); change > 0; --change) {
    const std::size_t at = std::uniform_int_distribution<std::size_t>(0, text.size())(random);
    const std::size_t cut = std::uniform_int_distribution<std::size_t>(0, 3)(random);
    const std::size_t piece =
        std::uniform_int_distribution<std::size_t>(0, std::size(kPieces) - 1)(random);
    text.replace(at, cut, kPieces[piece]);
  }
  return text;
}

TEST(ReadTable, AnyMutationOfATableIsReadOrRefused) {
  const std::vector<std::string> tables = {
      kGemms,
      "mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,tp_size,step,latency\n"
      "bfloat16,fp8,8,4,1,1,63,0.5\nbfloat16,fp8,8,4,1,1,127,0.75\n",
      "op_name,nccl_dtype,num_gpus,message_size,latency\nall_reduce,half,8,4,1\n",
      "matrix_idx,tp,m,n,k,time_us,throughput_TFLOPS,bandwidth_GBps\n1,1,8,2112,7168,19,13,810\n"};
  std::mt19937 random(20261122);
  std::size_t read = 0;
  std::size_t refused = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const std::string text =
        mutated(tables[static_cast<std::size_t>(trial) % tables.size()], random);
    try {
      const SampleTable table = read_as("fuzz.csv", text);
      EXPECT_FALSE(table.samples.empty());
      for (const Sample& sample : table.samples) {
        EXPECT_GT(sample.time.si(), 0.0);
        EXPECT_GT(sample.line, 1U);
      }
      ++read;
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
      ++refused;
    }
  }
  EXPECT_GT(read, 100U);
  EXPECT_GT(refused, 1000U);
}

}  // namespace
}  // namespace towtank
