// Tables that come with inference simulators: which op a row is, and which time.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/profile/table_texts.hpp"

namespace towtank {
namespace {

using ::testing::SizeIs;

double microseconds(const Sample& sample) {
  return sample.time / microsecond;
}

TEST(InferSimTable, GemmsAreBlockScaledFp8) {
  const SampleTable table =
      read_as("gemm__h800__data.csv", "m,k,n,latency_us,mfu\n16,7168,1536,16.443,0.010827\n");
  EXPECT_EQ(table.device, "h800");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kGemm, Precision::kFp8Block, GemmShape{.m = 16, .n = 1536, .k = 7168}}));
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 16.443);
  // The row's own figures agree: mfu times the FP8 peak is FLOP over time.
  EXPECT_NEAR(flops(table.samples[0].op) / table.samples[0].time / (1979.0 * TFLOP / second),
              0.010827,
              1e-6);
}

constexpr const char* kGroupedColumns =
    "num_experts,num_gpus,num_local_experts,topk,hidden_size,intermediate_size,{},"
    "tokens_per_expert,up_proj_us,up_mfu,down_proj_us,down_mfu\n";

std::string grouped_text(const std::string& column, std::string_view rows) {
  std::string text = kGroupedColumns;
  text.replace(text.find("{}"), 2, column);
  return text.append(rows);
}

TEST(InferSimTable, GroupedRowsAreTheUpAndTheDownProjection) {
  const SampleTable prefill = read_as(
      "grouped_gemm__prefill__h800__data.csv",
      grouped_text("seq_len_per_gpu", "256,16,16,8,7168,2048,1024,512,459.0,0.53,229.1,0.51\n"));
  ASSERT_THAT(prefill.samples, SizeIs(2));
  EXPECT_EQ(prefill.samples[0].op,
            (Op{OpKind::kGroupedGemm,
                Precision::kFp8Block,
                GemmShape{.m = 8192, .n = 4096, .k = 7168, .groups = 16}}));
  EXPECT_EQ(prefill.samples[1].op,
            (Op{OpKind::kGroupedGemm,
                Precision::kFp8Block,
                GemmShape{.m = 8192, .n = 7168, .k = 2048, .groups = 16}}));
  EXPECT_DOUBLE_EQ(microseconds(prefill.samples[1]), 229.1);

  const SampleTable decode =
      read_as("renamed.csv",
              grouped_text("batch_size_per_gpu",
                           "256,256,1,8,7168,2048,1,1,10,0.1,10,0.1\n"
                           "256,16,16,8,7168,2048,32,16,92.143,0.04,52.656,0.04\n"));
  ASSERT_THAT(decode.samples, SizeIs(2));
  EXPECT_EQ(decode.samples[0].op.kind, OpKind::kMaskedGroupedGemm);
  ASSERT_THAT(decode.skipped, SizeIs(1)) << "one token an expert";
}

TEST(InferSimTable, AttentionTakesItsHeadsFromTheName) {
  const std::string decode = "dtype,kv_dtype,batch_size,kv_len,latency_us,mfu\n";
  const std::string row = "bf16,fp8,16,4096,33.5,0.1\n";
  const SampleTable mha = read_as("mha__decode__h20__32-8-128.csv", decode + row);
  EXPECT_EQ(mha.samples.at(0).op,
            (Op{OpKind::kAttentionDecode,
                Precision::kBf16,
                AttentionShape{.batch = 16,
                               .heads = 32,
                               .query = 1,
                               .context = 4096,
                               .qk_dim = 128,
                               .v_dim = 128,
                               .kv_heads = 8,
                               .kv_precision = Precision::kFp8}}));
  EXPECT_EQ(mha.samples[0].library, "flashinfer/infersim");
  EXPECT_EQ(mha.device, "h20");
  const SampleTable mla = read_as("mla__decode__h800__128-512-64.csv", decode + row);
  const AttentionShape& latent = std::get<AttentionShape>(mla.samples.at(0).op.shape);
  EXPECT_EQ(mla.samples[0].op.kind, OpKind::kMlaDecode);
  EXPECT_EQ(latent.qk_dim, 576);
  EXPECT_EQ(latent.v_dim, 512);
  EXPECT_EQ(latent.kv_heads, 1);

  const SampleTable prefill = read_as("mla__prefill__h800__128-128-64.csv",
                                      "dtype,seq_len,latency_us,mfu\n"
                                      "bf16,4096,1104.692,0.629\n");
  const Sample& sample = prefill.samples.at(0);
  EXPECT_EQ(std::get<AttentionShape>(sample.op.shape).qk_dim, 192);
  EXPECT_EQ(std::get<AttentionShape>(sample.op.shape).context, 4096);
  EXPECT_NEAR(flops(sample.op) / sample.time / (989.0 * TFLOP / second), 0.629, 1e-3);
}

TEST(InferSimTable, AttentionWithoutHeadsInTheNameIsNoTable) {
  const std::string text = "dtype,kv_dtype,batch_size,kv_len,latency_us,mfu\nbf16,bf16,1,2,3,0.1\n";
  for (const std::string name : {"holdout.csv",
                                 "dsa__decode__h800__attn-128-576-2048.csv",
                                 "mha__decode__h800__32-8.csv",
                                 "mha__decode__h800__32-8-x.csv"}) {
    EXPECT_THAT(mistakes_of(name, text), SizeIs(1)) << name;
  }
}

TEST(DeepSeekSimulatorTable, TimesAreAsFineAsTheBandwidthBesideThem) {
  const SampleTable table = read_as("dss__H800_dense_gemm.csv",
                                    "matrix_idx,tp,m,n,k,time_us,throughput_TFLOPS,bandwidth_GBps\n"
                                    "4,1,256,7168,16384,57,1060,2210\n"
                                    "4,1,256,7168,16384,57,1060,1105\n");
  EXPECT_EQ(table.device, "h800");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kGemm, Precision::kFp8Block, GemmShape{.m = 256, .n = 7168, .k = 16384}}));
  // (256 * 16384 + 7168 * 16384 + 2 * 256 * 7168) bytes at 2,210 GB/s.
  EXPECT_NEAR(microseconds(table.samples[0]), 125304832.0 / 2210e3, 1e-9);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[1]), 57.0) << "figures that contradict each other";
}

TEST(DeepSeekSimulatorTable, GroupsCountTogether) {
  const SampleTable table =
      read_as("dss__H800_group_gemm.csv",
              "d,num_groups,b_mla,m_per_group,matrix_idx,tp,m,n,k,time_us,throughput_TFLOPS,"
              "bandwidth_GBps\n16,18,8,4,7,1,4,4096,7168,184,23,2875\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kMaskedGroupedGemm,
                Precision::kFp8Block,
                GemmShape{.m = 72, .n = 4096, .k = 7168, .groups = 18}}));
  EXPECT_NEAR(microseconds(table.samples[0]), 184.0, 0.5);
}

TEST(DeepSeekSimulatorTable, BatchedGemmsGetBackTheTimeTheyWereMeasuredAt) {
  const SampleTable table =
      read_as("dss__H800_batch_gemm.csv",
              "matrix_idx,tp,batch,m,n,k,time_us,throughput_TFLOPS,bandwidth_GBps\n"
              "3,1,128,8,512,128,9,15,1002\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kBatchedGemm,
                Precision::kBf16,
                GemmShape{.m = 1024, .n = 512, .k = 128, .groups = 128}}));
  // 128 * (8 * 128 + 512 * 128 + 8 * 512) elements at 1,002 a ns, times 1.7.
  EXPECT_NEAR(microseconds(table.samples[0]), 1.7 * 9043968.0 / 1002e3, 1e-9);
}

TEST(DeepSeekSimulatorTable, MlaSkipsRaggedBatches) {
  const SampleTable table =
      read_as("dss__H800_mla.csv",
              "b,s_q,mean_sk,h_q,h_kv,d,dv,causal,varlen,latency,tflops,bandwidth\n"
              ",,,,,,,,,,,\n"
              "8,2,5000,128,1,576,512,True,False,0.061,368,834\n"
              "8,2,5000,128,1,576,512,True,True,0.061,377,853\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kMlaDecode,
                Precision::kBf16,
                AttentionShape{.batch = 8,
                               .heads = 128,
                               .query = 2,
                               .context = 5000,
                               .qk_dim = 576,
                               .v_dim = 512,
                               .kv_heads = 1}}));
  EXPECT_NEAR(flops(table.samples[0].op) / table.samples[0].time / (TFLOP / second), 368.0, 1e-6);
  EXPECT_THAT(table.skipped, SizeIs(1));
}

TEST(VidurTable, CollectivesSpanTheNodesTheirWorkersFill) {
  const std::string columns =
      ",time_stats.all_reduce.min,time_stats.all_reduce.median,rank,num_workers,size,collective,"
      "devices_per_node,max_devices_per_node\n";
  const SampleTable table = read_as(
      "a100_dgx__all_reduce.csv",
      columns + "0,0.031,0.043,0,16,2048,all_reduce,8,8\n1,0.3,0.6,0,4,4096,all_reduce,4,8\n");
  EXPECT_EQ(table.device, "a100_dgx");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kAllReduce,
                Precision::kBf16,
                CollectiveShape{.ranks = 16, .nodes = 2, .bytes = 2048}}));
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 43.0);
  EXPECT_EQ(std::get<CollectiveShape>(table.samples[1].op.shape).nodes, 1);
  EXPECT_THAT(mistakes_of("x.csv", columns + "0,0.031,0.043,0,6,2048,all_reduce,4,8\n"), SizeIs(1));
}

}  // namespace
}  // namespace towtank
