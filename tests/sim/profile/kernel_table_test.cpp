// Each kind of table of the aiconfigurator layout: which op a row is, worked out by hand.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/profile/table_texts.hpp"

namespace towtank {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::SizeIs;

/// Named as the collection names a table of this kind and backend.
std::string named(const std::string& kind, const std::string& library = "trtllm-1.3.0rc20") {
  return "h100_sxm__family__" + kind + "__" + library + ".csv";
}

double microseconds(const Sample& sample) {
  return sample.time / microsecond;
}

TEST(GemmPerf, IsOneGemmARowInMilliseconds) {
  const SampleTable table = read_as(named("gemm_perf"),
                                    "gemm_dtype,m,n,k,latency\n"
                                    "fp8_block,192,7168,6144,0.0376453\n"
                                    "bfloat16,1,2,3,2\n"
                                    "nvfp4,4,5,6,0.5\n");
  EXPECT_EQ(table.kind, "gemm_perf");
  EXPECT_EQ(table.device, "h100_sxm");
  EXPECT_EQ(table.version, "1.3.0rc20");
  ASSERT_THAT(table.samples, SizeIs(3));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kGemm, Precision::kFp8Block, GemmShape{.m = 192, .n = 7168, .k = 6144}}));
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 37.6453);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[1]), 2000.0);
  EXPECT_EQ(table.samples[2].op.precision, Precision::kFp4);
  EXPECT_EQ(table.samples[0].line, 2U);
  EXPECT_EQ(table.samples[2].line, 4U);
  EXPECT_EQ(table.samples[0].sms, 0) << "all of the GPU";
  EXPECT_THAT(table.samples, Each(Field(&Sample::library, "trtllm")));
}

TEST(GemmPerf, TellsTheKernelsThatOneLibraryHasForOnePrecision) {
  const SampleTable table = read_as(named("gemm_perf", "vllm-0.24.0"),
                                    "kernel_source,gemm_dtype,m,n,k,latency\n"
                                    "torch.nn.functional.linear,bfloat16,1,2,3,1\n"
                                    "CutlassFP8ScaledMMLinearKernel,fp8,1,2,3,1\n"
                                    "DeepGemmFp8BlockScaledMMKernel,fp8_block,64,2,3,1\n"
                                    "FlashInferFp8BlockScaledMMKernel,fp8_block,1,2,3,1\n"
                                    "CutlassFp8BlockScaledMMKernel,fp8_block,1,2,32,1\n");
  std::vector<std::string> libraries;
  for (const Sample& sample : table.samples) {
    libraries.push_back(sample.library);
  }
  EXPECT_THAT(libraries,
              ElementsAre("vllm", "vllm", "vllm/deepgemm", "vllm/flashinfer", "vllm/cutlass"));
}

TEST(GemmPerf, SkipsFormatsThatAreNotInTheCatalogueAndCountsThem) {
  const SampleTable table = read_as(named("gemm_perf"),
                                    "gemm_dtype,m,n,k,latency\n"
                                    "int8_wo,1,2,3,1\nbfloat16,1,2,3,1\nint8_wo,4,5,6,1\n");
  EXPECT_THAT(table.samples, SizeIs(1));
  ASSERT_THAT(table.skipped, SizeIs(1));
  EXPECT_EQ(table.skipped[0].rows, 2U);
  EXPECT_EQ(table.skipped[0].reason, "gemm_dtype int8_wo: no precision of the catalogue");
}

constexpr const char* kAttentionColumns =
    "batch_size,isl,num_heads,num_key_value_heads,head_dim,window_size,attn_dtype,kv_cache_dtype,"
    "step,latency\n";

TEST(ContextAttentionPerf, IsCausalAttentionOverTheSequenceAndItsPast) {
  const SampleTable table = read_as(named("context_attention_perf"),
                                    std::string(kAttentionColumns) +
                                        "8,4096,40,8,128,0,bfloat16,fp8,0,0.25\n"
                                        "1,100,4,4,64,128,fp8,fp8,900,0.5\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kAttentionForward,
                Precision::kBf16,
                AttentionShape{.batch = 8,
                               .heads = 40,
                               .query = 4096,
                               .context = 4096,
                               .qk_dim = 128,
                               .v_dim = 128,
                               .causal = true,
                               .kv_heads = 8,
                               .window = 0,
                               .kv_precision = Precision::kFp8}}));
  const AttentionShape& chunk = std::get<AttentionShape>(table.samples[1].op.shape);
  EXPECT_EQ(chunk.query, 100);
  EXPECT_EQ(chunk.context, 1000);
  EXPECT_EQ(chunk.window, 128);
  EXPECT_EQ(table.samples[1].op.precision, Precision::kFp8);
}

TEST(GenerationAttentionPerf, AsksOneQueryOfAContextOneLongerThanTheStep) {
  const SampleTable table =
      read_as(named("generation_attention_perf"),
              std::string(kAttentionColumns) + "64,1,32,8,64,0,bfloat16,fp8,63,0.00941867\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  const AttentionShape& shape = std::get<AttentionShape>(table.samples[0].op.shape);
  EXPECT_EQ(table.samples[0].op.kind, OpKind::kAttentionDecode);
  EXPECT_EQ(shape.query, 1);
  EXPECT_EQ(shape.context, 64);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 9.41867);
}

TEST(AttentionPerf, MayLackTheWindowColumn) {
  const SampleTable table = read_as(named("generation_attention_perf", "sglang-0.5.10"),
                                    "batch_size,isl,num_heads,num_key_value_heads,head_dim,"
                                    "attn_dtype,kv_cache_dtype,step,latency\n"
                                    "4,1,8,8,128,bfloat16,bfloat16,7,0.1\n");
  EXPECT_EQ(std::get<AttentionShape>(table.samples.at(0).op.shape).window, 0);
  EXPECT_EQ(table.samples[0].library, "sglang");
}

constexpr const char* kMlaColumns =
    "mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,tp_size,step,latency\n";

TEST(ContextMlaPerf, IsAttentionWithValuesNarrowerThanKeys) {
  const SampleTable table = read_as(
      named("context_mla_perf"), std::string(kMlaColumns) + "bfloat16,fp8,64,8,2048,2,0,1.83799\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kAttentionForward,
                Precision::kBf16,
                AttentionShape{.batch = 8,
                               .heads = 64,
                               .query = 2048,
                               .context = 2048,
                               .qk_dim = 192,
                               .v_dim = 128,
                               .causal = true,
                               .kv_heads = 0,
                               .kv_precision = Precision::kFp8}}));
}

TEST(GenerationMlaPerf, ReadsOneLatentVectorPerToken) {
  const SampleTable table =
      read_as(named("generation_mla_perf"),
              std::string(kMlaColumns) + "bfloat16,bfloat16,128,1024,1,1,4095,1.66346\n");
  ASSERT_THAT(table.samples, SizeIs(1));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kMlaDecode,
                Precision::kBf16,
                AttentionShape{.batch = 1024,
                               .heads = 128,
                               .query = 1,
                               .context = 4096,
                               .qk_dim = 576,
                               .v_dim = 512,
                               .kv_heads = 1}}));
}

constexpr const char* kModuleColumns =
    "model,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,isl,tp_size,step,latency\n";

TEST(MlaModulePerf, IsAWholeBlockInThePrecisionOfItsProjections) {
  const SampleTable prefill =
      read_as(named("mla_context_module_perf"),
              std::string(kModuleColumns) +
                  "deepseek-ai/DeepSeek-V3,bfloat16,fp8,fp8_block,128,2,16,1,0,0.1715\n");
  ASSERT_THAT(prefill.samples, SizeIs(1));
  EXPECT_EQ(prefill.samples[0].op.kind, OpKind::kMlaBlockPrefill);
  EXPECT_EQ(prefill.samples[0].op.precision, Precision::kFp8Block);
  EXPECT_EQ(std::get<AttentionShape>(prefill.samples[0].op.shape).kv_precision, Precision::kFp8);

  const SampleTable decode =
      read_as(named("mla_generation_module_perf"),
              std::string(kModuleColumns) +
                  "deepseek-ai/DeepSeek-R1,bfloat16,bfloat16,bfloat16,16,8,1,1,64,0.05\n");
  ASSERT_THAT(decode.samples, SizeIs(1));
  EXPECT_EQ(decode.samples[0].op,
            (Op{OpKind::kMlaBlockDecode,
                Precision::kBf16,
                AttentionShape{.batch = 8,
                               .heads = 16,
                               .query = 1,
                               .context = 65,
                               .qk_dim = 576,
                               .v_dim = 512,
                               .kv_heads = 1}}));
}

TEST(MlaModulePerf, SkipsBlocksOfOtherModels) {
  const SampleTable table =
      read_as(named("mla_context_module_perf"),
              std::string(kModuleColumns) +
                  "deepseek-ai/DeepSeek-V3,bfloat16,fp8,fp8_block,128,2,16,1,0,0.1\n"
                  "deepseek-ai/DeepSeek-V3.2,bfloat16,fp8,fp8_block,128,2,16,1,0,0.1\n"
                  "zai-org/GLM-5,bfloat16,fp8,fp8_block,64,2,16,1,0,0.1\n");
  EXPECT_THAT(table.samples, SizeIs(1));
  EXPECT_THAT(table.skipped, SizeIs(2));
}

TEST(WideepMlaPerf, TakesTheContextFromIslAndTheKernelFromItsSource) {
  const SampleTable table =
      read_as(named("wideep_generation_mla_perf", "sglang-0.5.10"),
              "kernel_source,model,mla_dtype,kv_cache_dtype,gemm_type,num_heads,batch_size,"
              "isl,tp_size,step,latency\n"
              "fa3,deepseek-ai/DeepSeek-V3,fp8_block,fp8,fp8_block,128,4,1024,1,0,0.04\n"
              "flashinfer,deepseek-ai/DeepSeek-V3,fp8_block,fp8,fp8_block,128,4,1024,1,0,1\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(std::get<AttentionShape>(table.samples[0].op.shape).context, 1024);
  EXPECT_EQ(std::get<AttentionShape>(table.samples[0].op.shape).query, 1);
  EXPECT_EQ(table.samples[0].library, "sglang/fa3");
  EXPECT_EQ(table.samples[1].library, "sglang/flashinfer");
}

TEST(MlaBmmPerf, IsOneProductPerHeadIntoAndOutOfTheLatentSpace) {
  const SampleTable table =
      read_as(named("mla_bmm_perf"),
              "op_name,kernel_source,bmm_dtype,num_tokens,num_heads,latency\n"
              "mla_gen_pre,trtllm_bmm_out,bfloat16,10,16,0.004\n"
              "mla_gen_post,trtllm_fp8_block_scaling_bmm_out,fp8,10,16,0.005\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kBatchedGemm,
                Precision::kBf16,
                GemmShape{.m = 160, .n = 512, .k = 128, .groups = 16}}));
  EXPECT_EQ(table.samples[1].op,
            (Op{OpKind::kBatchedGemm,
                Precision::kFp8Block,
                GemmShape{.m = 160, .n = 128, .k = 512, .groups = 16}}));
}

constexpr const char* kMoeColumns =
    "kernel_source,moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,"
    "moe_ep_size,distribution,latency\n";

TEST(MoePerf, IsAnExpertLayerWithTheSkewOfItsLoad) {
  const SampleTable table = read_as(
      named("moe_perf"),
      std::string(kMoeColumns) +
          "moe_torch_flow_cutlass,fp8_block,512,7168,2048,8,256,8,4,power_law_1.2,0.936205\n"
          "moe_torch_flow_cutlass,bfloat16,160,6144,16384,2,8,1,1,balanced,1.7438\n"
          "moe_torch_flow_nongated,bfloat16,64,2688,1856,6,128,1,1,power_law_1.01,0.25\n"
          "moe_torch_flow,w4a16_mxfp4,1,2880,2880,4,128,1,1,balanced,0.1\n"
          "moe_torch_flow_min_latency,nvfp4,1,2880,2880,4,128,1,1,balanced,0.1\n");
  ASSERT_THAT(table.samples, SizeIs(5));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kMoeLayer,
                Precision::kFp8Block,
                MoeShape{.tokens = 512,
                         .hidden = 7168,
                         .intermediate = 2048,
                         .topk = 8,
                         .experts = 256,
                         .tensor_parallel = 8,
                         .expert_parallel = 4,
                         .skew = 1.2,
                         .gated = true}}));
  EXPECT_EQ(std::get<MoeShape>(table.samples[1].op.shape).skew, 0.0);
  EXPECT_FALSE(std::get<MoeShape>(table.samples[2].op.shape).gated);
  EXPECT_EQ(table.samples[3].op.precision, Precision::kFp4Weights);
  EXPECT_EQ(table.samples[4].library, "trtllm/min-latency");
  EXPECT_EQ(table.samples[0].library, "trtllm");
}

TEST(WideepMoePerf, KeepsPrefillDecodeAndRebalancedLayersApart) {
  const std::string columns =
      "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,"
      "distribution,latency\n";
  const std::string row = "fp8_block,256,7168,2048,8,256,1,8,uniform,0.77\n";
  EXPECT_EQ(read_as(named("wideep_context_moe_perf", "sglang-0.5.10"), columns + row)
                .samples.at(0)
                .library,
            "sglang/wideep-prefill");
  EXPECT_EQ(read_as(named("wideep_generation_moe_perf", "sglang-0.5.10"), columns + row)
                .samples.at(0)
                .library,
            "sglang/wideep-decode");
}

TEST(WideepMoePerf, CountsCopiesOfExpertsAsExperts) {
  const SampleTable table =
      read_as(named("wideep_moe_perf"),
              "op_name,moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,num_slots,"
              "moe_tp_size,moe_ep_size,distribution,latency\n"
              "wideep_moe,fp8_block,1,7168,2048,8,256,256,1,8,power_law_1.01,0.1\n"
              "wideep_moe_eplb,fp8_block,1,7168,2048,8,256,256,1,8,power_law_1.01_eplb,0.1\n"
              "wideep_moe_eplb,fp8_block,1,7168,2048,8,256,288,1,8,power_law_1.2_eplb,0.1\n");
  ASSERT_THAT(table.samples, SizeIs(3));
  EXPECT_EQ(table.samples[0].library, "trtllm/wideep");
  EXPECT_EQ(table.samples[1].library, "trtllm/wideep-eplb");
  EXPECT_EQ(std::get<MoeShape>(table.samples[1].op.shape).skew, 1.01);
  EXPECT_EQ(std::get<MoeShape>(table.samples[1].op.shape).experts, 256);
  EXPECT_EQ(std::get<MoeShape>(table.samples[2].op.shape).experts, 288);
}

TEST(NcclPerf, CountsMessagesInElements) {
  const SampleTable table = read_as(named("nccl_perf", "nccl-2.29.2"),
                                    "op_name,nccl_dtype,num_gpus,message_size,latency\n"
                                    "all_reduce,half,8,33554432,0.32453\n"
                                    "all_gather,int8,4,8192,0.00851\n"
                                    "reduce_scatter,half,2,512,0.01\n"
                                    "alltoall,half,2,512,0.01\n");
  ASSERT_THAT(table.samples, SizeIs(4));
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kAllReduce,
                Precision::kBf16,
                CollectiveShape{.ranks = 8, .nodes = 1, .bytes = 67108864}}));
  EXPECT_EQ(table.samples[1].op,
            (Op{OpKind::kAllGather,
                Precision::kInt8,
                CollectiveShape{.ranks = 4, .nodes = 1, .bytes = 8192}}));
  EXPECT_EQ(table.samples[2].op.kind, OpKind::kReduceScatter);
  EXPECT_EQ(table.samples[3].op.kind, OpKind::kAllToAll);
  EXPECT_THAT(table.samples, Each(Field(&Sample::library, "nccl")));
}

TEST(NcclPerf, FourBitElementsAreHalfAByte) {
  const SampleTable table = read_as(named("nccl_perf", "nccl-2.29.2"),
                                    "op_name,nccl_dtype,num_gpus,message_size,latency\n"
                                    "all_gather,nvfp4,4,8192,0.00851\n"
                                    "all_gather,nvfp4,4,3,0.00851\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(std::get<CollectiveShape>(table.samples[0].op.shape).bytes, 4096);
  EXPECT_EQ(std::get<CollectiveShape>(table.samples[1].op.shape).bytes, 2) << "whole bytes";
}

TEST(CustomAllReducePerf, KeepsEagerAndGraphLaunchesApart) {
  const SampleTable table =
      read_as(named("custom_allreduce_perf", "vllm-0.24.0"),
              "kernel_source,allreduce_dtype,num_gpus,message_size,latency,backend\n"
              "vLLM_custom_graph,bfloat16,2,128,0.00418,vllm_graph\n"
              "vLLM_custom_eager,bfloat16,2,128,0.02,vllm_eager\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].library, "vllm/graph");
  EXPECT_EQ(table.samples[1].library, "vllm/eager");
  EXPECT_EQ(std::get<CollectiveShape>(table.samples[0].op.shape).bytes, 256);
}

TEST(DeepEpPerf, LowLatencyRowsAreADispatchAndACombine) {
  const SampleTable table =
      read_as(named("wideep_deepep_ll_perf", "sglang-0.5.12"),
              "node_num,hidden_size,num_token,num_topk,num_experts,combine_avg_t_us,"
              "combine_bandwidth_gbps,dispatch_avg_t_us,dispatch_bandwidth_gbps\n"
              "2,7168,64,8,256,102.17,70.44,58.07,64.04\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  const ExchangeShape shape = {
      .ranks = 16, .nodes = 2, .tokens = 64, .hidden = 7168, .topk = 8, .experts = 256};
  EXPECT_EQ(table.samples[0].op,
            (Op{OpKind::kExpertDispatchLowLatency, Precision::kFp8Block, shape}));
  EXPECT_EQ(table.samples[1].op, (Op{OpKind::kExpertCombineLowLatency, Precision::kBf16, shape}));
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 58.07);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[1]), 102.17);
  EXPECT_EQ(table.samples[0].library, "deepep");
}

TEST(DeepEpPerf, NormalRowsAddTheNotificationAndNameTheirSms) {
  const SampleTable table = read_as(
      named("wideep_deepep_normal_perf", "sglang-0.5.6"),
      "node_num,hidden_size,num_token,num_topk,num_experts,dispatch_sms,dispatch_transmit_us,"
      "dispatch_notify_us,combine_sms,combine_transmit_us,combine_notify_us\n"
      "4,7168,4096,8,256,20,1697.5,69.5,16,3545.0,110.25\n");
  ASSERT_THAT(table.samples, SizeIs(2));
  EXPECT_EQ(table.samples[0].op.kind, OpKind::kExpertDispatch);
  EXPECT_EQ(table.samples[0].sms, 20);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[0]), 1767.0);
  EXPECT_EQ(table.samples[1].op.kind, OpKind::kExpertCombine);
  EXPECT_EQ(table.samples[1].sms, 16);
  EXPECT_DOUBLE_EQ(microseconds(table.samples[1]), 3655.25);
}

TEST(TrtllmAllToAllPerf, IsDispatchAndCombineWithinOneNvlinkDomain) {
  const SampleTable table = read_as(
      "gb200__comm__trtllm_alltoall_perf__trtllm-1.3.csv",
      "op_name,kernel_source,moe_dtype,num_tokens,hidden_size,topk,num_experts,moe_ep_size,"
      "distribution,latency\n"
      "alltoall_prepare,NVLinkTwoSided,nvfp4,16,7168,8,256,32,balanced,0.011\n"
      "alltoall_dispatch,NVLinkTwoSided,nvfp4,16,7168,8,256,32,balanced,0.012\n"
      "alltoall_combine,NVLinkOneSided,nvfp4,16,7168,8,256,32,balanced,0.013\n"
      "alltoall_combine_low_precision,NVLinkTwoSided,nvfp4,16,7168,8,256,32,balanced,0.014\n");
  ASSERT_THAT(table.samples, SizeIs(3));
  const ExchangeShape shape = {
      .ranks = 32, .nodes = 1, .tokens = 16, .hidden = 7168, .topk = 8, .experts = 256};
  EXPECT_EQ(table.samples[0].op, (Op{OpKind::kExpertDispatch, Precision::kFp4, shape}));
  EXPECT_EQ(table.samples[1].op, (Op{OpKind::kExpertCombine, Precision::kBf16, shape}));
  EXPECT_EQ(table.samples[2].op, (Op{OpKind::kExpertCombine, Precision::kFp4, shape}));
  EXPECT_EQ(table.samples[0].library, "trtllm/nvlink-two-sided");
  EXPECT_EQ(table.samples[1].library, "trtllm/nvlink-one-sided");
  ASSERT_THAT(table.skipped, SizeIs(1));
  EXPECT_EQ(table.skipped[0].rows, 1U);
}

TEST(QuantizePerf, KeepsFindingAScaleAndCastingApart) {
  const std::string text = "m,k,quant_dtype,latency\n128,256,fp8,0.002\n";
  const Op op = {OpKind::kQuantize, Precision::kFp8, SweepShape{.rows = 128, .columns = 256}};
  const SampleTable cast = read_as(named("scale_matrix_perf"), text);
  EXPECT_EQ(cast.samples.at(0).op, op);
  EXPECT_EQ(cast.samples[0].library, "trtllm/scale-matrix");
  const SampleTable scale = read_as(named("computescale_perf"), text);
  EXPECT_EQ(scale.samples.at(0).op, op);
  EXPECT_EQ(scale.samples[0].library, "trtllm/compute-scale");
}

}  // namespace
}  // namespace towtank
