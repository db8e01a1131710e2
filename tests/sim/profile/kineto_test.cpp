#include "sim/profile/tables/kineto.hpp"

#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const KernelMap& committed_map() {
  static const KernelMap map =
      read_kernel_map(TOWTANK_SOURCE_DIR "/profiles/kernel-maps/kineto.toml");
  return map;
}

/// A trace being written, events one a line from line 3 on.
class Trace {
 public:
  Trace& op(int id,
            const std::string& name,
            const std::string& dims,
            const std::string& types,
            const std::string& values = "[]") {
    return event(fmt::format(
        R"({{"ph": "X", "cat": "cpu_op", "name": "{}", "pid": 7, "tid": 7, "ts": 1.0, "dur": 9,)"
        R"( "args": {{"External id": {}, "Concrete Inputs": {}, "Input type": {}, "Input Strides":)"
        R"( [[1], []], "Input Dims": {}, "Ev Idx": 3}}}})",
        name,
        id,
        values,
        types,
        dims));
  }

  Trace& kernel(const std::string& name, double us, int id = 0, const std::string& more = "") {
    return event(fmt::format(
        R"({{"ph": "X", "cat": "kernel", "name": "{}", "pid": 0, "tid": 7, "ts": 12.5, "dur": {},)"
        R"( "args": {{"External id": {}, "queued": 0, "device": 0, "stream": 7, "correlation": 5,)"
        R"( "grid": [132, 1, 1], "block": [384, 1, 1]{}}}}})",
        name,
        us,
        id,
        more));
  }

  Trace& event(const std::string& json) {
    events_ += events_.empty() ? json : ",\n" + json;
    return *this;
  }

  Trace& gpus(int count) {
    gpus_ = count;
    return *this;
  }

  std::string text() const {
    std::string devices;
    for (int i = 0; i < gpus_; ++i) {
      devices += fmt::format(
          R"({}{{"id": {}, "name": "NVIDIA H100 80GB HBM3", "numSms": 132}})", i ? ", " : "", i);
    }
    return fmt::format(
        "{{\"schemaVersion\": 1, \"deviceProperties\": [{}],\n\"traceEvents\": [\n{}\n]}}\n",
        devices,
        events_);
  }

  KinetoReading read() const { return read_kineto(text(), "trace.json", committed_map()); }

 private:
  std::string events_;
  int gpus_ = 8;
};

const std::string kNvjet = "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNN";
const std::string kFlash =
    "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, 128, 64, 4>>()";
const std::string kBf16 = R"(["c10::BFloat16", "c10::BFloat16", "c10::BFloat16", "c10::BFloat16"])";

std::vector<std::string> ops(const KinetoReading& reading) {
  std::vector<std::string> ops;
  for (const Sample& sample : reading.table.samples) {
    ops.push_back(describe(sample.op));
  }
  return ops;
}

std::string mistakes_in(const std::string& text) {
  try {
    read_kineto(text, "trace.json", committed_map());
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string mistakes_in_map(const std::string& text) {
  try {
    parse_kernel_map(text, "map.toml");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Kineto, MatrixProductsTakeTheirSizesFromTheOperator) {
  const KinetoReading reading =
      Trace()
          .op(1, "aten::mm", "[[4096, 7168], [7168, 2048]]", kBf16)
          .kernel(kNvjet, 500, 1)
          .op(2, "aten::addmm", "[[2048], [512, 1024], [1024, 2048], [], []]", kBf16)
          .kernel("ampere_bf16_s16816gemm_bf16_128x64_ldg8_f2f_stages_32x6_tn", 20, 2)
          .op(3, "aten::linear", "[[2, 512, 1024], [3072, 1024]]", R"(["float", "float"])")
          .kernel("sm80_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize128x128x32", 90, 3)
          .op(4, "aten::bmm", "[[16, 128, 64], [16, 64, 256]]", kBf16)
          .kernel(kNvjet, 30, 4)
          .read();
  EXPECT_EQ(reading.table.kind, "kineto");
  EXPECT_EQ(reading.table.device, "NVIDIA H100 80GB HBM3");
  ASSERT_THAT(reading.table.samples, SizeIs(4));
  const std::vector<Sample>& samples = reading.table.samples;
  EXPECT_EQ(samples[0].op, (Op{OpKind::kGemm, Precision::kBf16, GemmShape{4096, 2048, 7168}}));
  EXPECT_EQ(samples[0].library, "cublas");
  EXPECT_EQ(samples[0].line, 4U);
  EXPECT_DOUBLE_EQ(samples[0].time / microsecond, 500.0);
  EXPECT_EQ(samples[1].op, (Op{OpKind::kGemm, Precision::kBf16, GemmShape{512, 2048, 1024}}));
  EXPECT_EQ(samples[2].op, (Op{OpKind::kGemm, Precision::kFp32, GemmShape{1024, 3072, 1024}}));
  EXPECT_EQ(samples[3].op,
            (Op{OpKind::kBatchedGemm, Precision::kBf16, GemmShape{2048, 256, 64, 16}}));
}

TEST(Kineto, ScalesTellBlockQuantisedProductsFromTensorScaledOnes) {
  const std::string types =
      R"(["c10::Float8_e4m3fn", "c10::Float8_e4m3fn", "float", "float", "", "", "", ""])";
  const KinetoReading reading =
      Trace()
          .op(1, "aten::_scaled_mm", "[[4096, 7168], [7168, 2048], [], [], [], [], [], []]", types)
          .kernel("nvjet_qqtst_128x256_128x4_2x1_v_bz_coopA_TNT", 250, 1)
          .op(2,
              "aten::_scaled_mm",
              "[[4096, 7168], [7168, 2048], [4096, 56], [56, 16], [], [], [], []]",
              types)
          .kernel("nvjet_qqtst_128x256_128x4_2x1_v_bz_coopA_TNT", 280, 2)
          .read();
  EXPECT_THAT(ops(reading),
              ElementsAre("gemm fp8 4096x2048x7168", "gemm fp8-block 4096x2048x7168"));
}

TEST(Kineto, AttentionIsReadWithItsMaskAndAllItsKernels) {
  const std::string values =
      R"(["", "", "", "", "", "4096", "4096", "0.", "True", "False", "", "", ""])";
  const std::string back =
      R"(["", "", "", "", "", "", "", "", "", "0.", "0.08", "False", "1023", "0", "0.", "", "False"])";
  const std::string dims = "[[2, 4096, 32, 128], [2, 4096, 8, 128], [2, 4096, 8, 128]]";
  const std::string q = "[2, 4096, 32, 128]";
  const KinetoReading reading =
      Trace()
          .op(1, "aten::_flash_attention_forward", dims, kBf16, values)
          .kernel(kFlash, 1000, 1)
          .op(2,
              "flash_attn::_flash_attn_backward",
              fmt::format("[{0}, {0}, {0}, {0}, {0}, [2, 32, 4096]]", q),
              kBf16,
              back)
          .kernel("void flash_bwd_dot_do_o_kernel<true, Traits>(Flash_bwd_params)", 50, 2)
          .kernel("void flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<Traits>(x)", 2600, 2)
          .kernel("void flash_bwd_convert_dq_kernel<Traits>(Flash_bwd_params, int)", 30, 2)
          .read();
  ASSERT_THAT(reading.table.samples, SizeIs(2));
  EXPECT_EQ(reading.table.samples[0].op,
            (Op{OpKind::kAttentionForward,
                Precision::kBf16,
                AttentionShape{.batch = 2,
                               .heads = 32,
                               .query = 4096,
                               .context = 4096,
                               .qk_dim = 128,
                               .v_dim = 128,
                               .causal = true,
                               .kv_heads = 8}}));
  const Sample& backward = reading.table.samples[1];
  EXPECT_EQ(backward.op.kind, OpKind::kAttentionBackward);
  const AttentionShape shape = std::get<AttentionShape>(backward.op.shape);
  EXPECT_FALSE(shape.causal);
  EXPECT_EQ(shape.window, 1024);  // 1,023 keys before its own
  EXPECT_EQ(shape.kv_heads, 0);   // as many as heads
  EXPECT_DOUBLE_EQ(backward.time / microsecond, 2680.0);
}

TEST(Kineto, AttentionOfOneQueryIsDecoding) {
  const KinetoReading reading =
      Trace()
          .op(1,
              "flash_attn::_flash_attn_forward",
              "[[16, 1, 32, 128], [16, 2048, 8, 128], [16, 2048, 8, 128]]",
              kBf16,
              R"(["", "", "", "0.", "0.08", "True", "-1", "-1"])")
          .kernel("void flash::flash_fwd_splitkv_kernel<Traits>(Flash_fwd_params)", 40, 1)
          .kernel("void flash::flash_fwd_splitkv_combine_kernel<Traits>(x)", 5, 1)
          .read();
  ASSERT_THAT(reading.table.samples, SizeIs(1));
  EXPECT_EQ(reading.table.samples[0].op.kind, OpKind::kAttentionDecode);
  EXPECT_EQ(std::get<AttentionShape>(reading.table.samples[0].op.shape).window, 0);
  EXPECT_DOUBLE_EQ(reading.table.samples[0].time / microsecond, 45.0);
}

TEST(Kineto, AttentionWithUnknownMaskOrPackedSequencesGivesNoSample) {
  const KinetoReading reading = Trace()
                                    .op(1,
                                        "flash_attn::_flash_attn_forward",
                                        "[[2, 64, 32, 128], [2, 64, 32, 128], [2, 64, 32, 128]]",
                                        kBf16)
                                    .kernel(kFlash, 10, 1)
                                    .op(2,
                                        "aten::_flash_attention_forward",
                                        "[[8192, 32, 128], [8192, 32, 128], [8192, 32, 128]]",
                                        kBf16)
                                    .kernel("other::flash_fwd_kernel", 20, 2)
                                    .read();
  EXPECT_THAT(reading.table.samples, IsEmpty());
  ASSERT_THAT(reading.shapeless, SizeIs(2));
  EXPECT_THAT(reading.shapeless[0].why, HasSubstr("inputs of other sizes"));
  EXPECT_EQ(reading.shapeless[1].why, "it was not recorded whether it is causal");
}

const char* const kAllReduce =
    R"(, "Collective name": "allreduce", "In msg nelems": 1048576, "Out msg nelems": 1048576,)"
    R"( "Group size": 8, "dtype": "BFloat16", "Process Group Ranks": "[0, 1, 2, 3, 4, 5, 6, 7]")";
const char* const kAllGather =
    R"(, "Collective name": "_allgather_base", "In msg nelems": 1024, "Out msg nelems": 4096,)"
    R"( "Group size": 4, "dtype": "float32", "Process Group Ranks": [0, 8, 16, 24])";

TEST(Kineto, CollectivesTakeTheirSizeFromTheMessageAndTheirTimeFromTheQuickest) {
  const std::string ring =
      "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)";
  const KinetoReading reading =
      Trace()
          .kernel(ring, 900, 1, kAllReduce)
          .kernel(ring, 40, 2, kAllReduce)
          .kernel(ring, 60, 3, kAllReduce)
          .kernel("ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
                  30,
                  4,
                  kAllGather)
          .read();
  ASSERT_THAT(reading.table.samples, SizeIs(2));
  EXPECT_EQ(reading.table.samples[0].op,
            (Op{OpKind::kAllReduce, Precision::kBf16, CollectiveShape{8, 1, 2097152}}));
  EXPECT_DOUBLE_EQ(reading.table.samples[0].time / microsecond, 40.0);
  EXPECT_EQ(reading.table.samples[0].library, "nccl");
  EXPECT_EQ(reading.table.samples[1].op,
            (Op{OpKind::kAllGather, Precision::kFp32, CollectiveShape{4, 4, 16384}}));
  EXPECT_DOUBLE_EQ(reading.mapped / microsecond, 1030.0);
}

TEST(Kineto, MessagesRecordedWithTheOperatorCountAsWell) {
  const std::string comms = fmt::format(
      R"({{"ph": "X", "cat": "cpu_op", "name": "record_param_comms", "ts": 1, "dur": 2,)"
      R"( "args": {{"External id": 9{}}}}})",
      kAllReduce);
  const std::string kernel = "ncclKernel_AllReduce_RING_LL_Sum_half(ncclDevComm*)";
  EXPECT_THAT(ops(Trace().kernel(kernel, 40, 9).event(comms).read()), SizeIs(1));
  EXPECT_THAT(Trace().kernel(kernel, 40, 8).event(comms).read().shapeless,
              ElementsAre(::testing::Field(&KernelTime::why, "its message was not recorded")));
}

TEST(Kineto, CollectivesOnUnknownNodesOrOfSeveralTensorsGiveNoSample) {
  const std::string kernel = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL()";
  std::string coalesced = kAllReduce;
  coalesced.replace(coalesced.find("allreduce"), 9, "allreduce_coalesced");
  EXPECT_THAT(Trace().gpus(1).kernel(kernel, 40, 1, kAllReduce).read().table.samples, IsEmpty());
  EXPECT_THAT(Trace().kernel(kernel, 40, 1, coalesced).read().table.samples, IsEmpty());
}

TEST(Kineto, RepetitionsOfOneOpAreOneSampleAtTheMedian) {
  Trace trace;
  const std::vector<double> times = {10, 50, 12, 11, 300};
  for (std::size_t i = 0; i < times.size(); ++i) {
    const int id = static_cast<int>(i) + 1;
    trace.op(id, "aten::mm", "[[64, 64], [64, 64]]", kBf16).kernel(kNvjet, times[i], id);
  }
  const KinetoReading odd = trace.read();
  ASSERT_THAT(odd.table.samples, SizeIs(1));
  EXPECT_DOUBLE_EQ(odd.table.samples[0].time / microsecond, 12.0);
  trace.op(6, "aten::mm", "[[64, 64], [64, 64]]", kBf16).kernel(kNvjet, 13, 6);
  EXPECT_DOUBLE_EQ(trace.read().table.samples[0].time / microsecond, 12.5);
}

TEST(Kineto, HelpersJoinTheirProductAndNeverStandForIt) {
  const std::string helper = "void cublasLt::splitKreduce_kernel<32, 16, int, float>()";
  const KinetoReading joined = Trace()
                                   .op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16)
                                   .kernel(kNvjet, 10, 1)
                                   .kernel(helper, 3, 1)
                                   .read();
  ASSERT_THAT(joined.table.samples, SizeIs(1));
  EXPECT_DOUBLE_EQ(joined.table.samples[0].time / microsecond, 13.0);
  const KinetoReading alone =
      Trace().op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16).kernel(helper, 3, 1).read();
  EXPECT_THAT(alone.table.samples, IsEmpty());
  EXPECT_THAT(alone.shapeless, SizeIs(1));
}

TEST(Kineto, ManyProductsOfOneCallGiveNoSample) {  // as after the launch of a CUDA graph
  const KinetoReading reading = Trace()
                                    .op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16)
                                    .kernel(kNvjet, 10, 1)
                                    .kernel(kNvjet, 20, 1)
                                    .read();
  EXPECT_THAT(reading.table.samples, IsEmpty());
  ASSERT_THAT(reading.shapeless, SizeIs(1));
  EXPECT_EQ(reading.shapeless[0].kernels, 2U);
  EXPECT_EQ(reading.shapeless[0].why, "one operator call launched several of them");
}

TEST(Kineto, AnOptimizerStepIsOneSampleOfAllItsKernels) {
  const std::string adam =
      "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous "
      "namespace)::FusedOptimizerTensorListMetadata<4>, at::native::(anonymous "
      "namespace)::FusedAdamMathFunctor<float, 4, (ADAM_MODE)1, false>>()";
  const KinetoReading reading =
      Trace()
          .op(1, "aten::_fused_adamw_", "[[[1000, 20], [50]], [[1000, 20], [50]], []]", "[]")
          .kernel(adam, 10, 1)
          .kernel(adam, 12, 1)
          .read();
  ASSERT_THAT(reading.table.samples, SizeIs(1));
  EXPECT_EQ(reading.table.samples[0].op,
            (Op{OpKind::kAdamW, Precision::kFp32, SweepShape{20050, 1}}));
  EXPECT_DOUBLE_EQ(reading.table.samples[0].time / microsecond, 22.0);
}

TEST(Kineto, WhatAnElementwiseKernelDoesIsSaidByItsOperator) {
  const std::string kernel = "void at::native::vectorized_elementwise_kernel<4, Functor>(int)";
  const KinetoReading reading =
      Trace()
          .op(1, "aten::add", "[[8, 16, 32], [8, 16, 32], []]", kBf16)
          .kernel(kernel, 5, 1)
          .op(2, "aten::copy_", "[[8, 32], [8, 32], []]", R"(["c10::BFloat16", "float", ""])")
          .kernel(kernel, 6, 2)
          .op(3, "aten::mm", "[[8, 32], [32, 8]]", kBf16)
          .kernel(kernel, 7, 3)
          .read();
  EXPECT_THAT(ops(reading), ElementsAre("add bf16 128x32"));
  ASSERT_THAT(reading.shapeless, SizeIs(1));
  EXPECT_EQ(reading.shapeless[0].why, "the inputs of aten::copy_ are not alike");
  EXPECT_DOUBLE_EQ(reading.shapeless[0].time / microsecond, 13.0);
}

TEST(Kineto, SizesInAKernelsNameAreRead) {
  const std::string sized =
      "void deep_gemm::sm90_fp8_gemm_1d2d_impl<(cute::UMMA::Major)0, {}u, 4096u, 1024u, 1u, 256u, "
      "128u, 128u, true, 132u, (deep_gemm::GemmType)0>(float*)";
  const KinetoReading reading =
      Trace()
          .kernel(fmt::format(fmt::runtime(sized), 512), 10)
          .kernel(fmt::format(fmt::runtime(sized), 0), 20)  // decided when it was launched
          .read();
  EXPECT_THAT(ops(reading), ElementsAre("gemm fp8-block 512x4096x1024"));
  EXPECT_EQ(reading.table.samples[0].library, "deepgemm");
  EXPECT_DOUBLE_EQ(total(reading.shapeless) / microsecond, 20.0);
}

TEST(Kineto, WithoutRecordedShapesSaysSo) {
  const std::string op =
      R"({"ph": "X", "cat": "cpu_op", "name": "aten::mm", "dur": 9, "args": {"External id": 1}})";
  const KinetoReading reading = Trace().event(op).kernel(kNvjet, 10, 1).kernel(kNvjet, 5, 2).read();
  ASSERT_THAT(reading.shapeless, SizeIs(1));
  EXPECT_THAT(reading.shapeless[0].why, HasSubstr("record_shapes=True"));
}

TEST(Kineto, ReadsKernelsBeforeTheirOperatorsAndBareListsOfEvents) {
  const std::string text =
      Trace().kernel(kNvjet, 10, 1).op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16).text();
  EXPECT_THAT(read_kineto(text, "t.json", committed_map()).table.samples, SizeIs(1));
  const std::size_t from = text.find("[\n{\"ph\"");
  const std::string bare = text.substr(from, text.rfind(']') + 1 - from);
  EXPECT_THAT(read_kineto(bare, "t.json", committed_map()).table.samples, SizeIs(1));
}

TEST(Kineto, CountsEveryKernelOnce) {
  std::mt19937 random(3);
  const std::vector<std::string> names = {kNvjet,
                                          kFlash,
                                          "void deep_ep::intranode::dispatch<8, 768>(int4*)",
                                          "void cublasLt::splitKreduce_kernel<32>()",
                                          "triton_poi_fused_add_0",
                                          "my_kernel",
                                          "ncclDevKernel_Generic()"};
  Trace trace;
  double sum = 0.0;
  double unmapped = 0.0;
  for (int i = 1; i <= 2000; ++i) {
    const std::string& name = names[random() % names.size()];
    const double us = static_cast<double>(random() % 4000) / 8.0;
    const int id = static_cast<int>(random() % 500);
    if (random() % 2 == 0) {
      trace.op(id, "aten::mm", fmt::format("[[64, {0}], [{0}, 64]]", 1 + id % 5), kBf16);
    }
    trace.kernel(name, us, id, random() % 2 == 0 ? kAllReduce : "");
    sum += us;
    unmapped += name == "my_kernel" || name == "triton_poi_fused_add_0" ? us : 0.0;
  }
  const KinetoReading reading = trace.read();
  EXPECT_EQ(reading.kernels, 2000U);
  EXPECT_NEAR(reading.total / microsecond, sum, 1e-6 * sum);
  EXPECT_NEAR(total(reading.unmapped) / microsecond, unmapped, 1e-6 * sum);
  EXPECT_GT(reading.mapped, Seconds());
  EXPECT_GT(total(reading.shapeless), Seconds());
  EXPECT_NEAR((reading.mapped + total(reading.shapeless) + total(reading.unmapped)) / microsecond,
              sum,
              1e-6 * sum);
  EXPECT_TRUE(std::ranges::is_sorted(reading.unmapped,
                                     [](const auto& a, const auto& b) { return a.time > b.time; }));
}

TEST(Kineto, NamesTheLineOfWhatIsWrong) {
  EXPECT_THAT(mistakes_in(Trace()
                              .kernel("k", 1)
                              .event(R"({"ph": "X", "cat": "kernel",)"
                                     R"( "name": "k", "ts": 1})")
                              .text()),
              HasSubstr("trace.json:4: the kernel k has no duration"));
  EXPECT_THAT(mistakes_in(Trace().kernel("k", -1).text()),
              HasSubstr("trace.json:3: the kernel k has no duration"));
  EXPECT_THAT(mistakes_in(Trace().kernel("", 1).text()),
              HasSubstr("trace.json:3: a kernel without a name"));
  EXPECT_THAT(mistakes_in(Trace().kernel("k", 1).event("{\"ph\" \"X\"}").text()),
              HasSubstr("trace.json:4: no JSON: "));
  const std::string text = Trace().kernel("k", 1).kernel("k", 1).text();
  EXPECT_THAT(mistakes_in(text.substr(0, text.size() - 40)),
              HasSubstr("hint: the trace breaks off"));
  EXPECT_THAT(mistakes_in("{\"events\": []}"), HasSubstr("trace.json:1: no \"traceEvents\""));
  EXPECT_THAT(mistakes_in(""), HasSubstr("trace.json:1: no JSON"));
  EXPECT_THAT(mistakes_in(Trace().op(1, "aten::mm", "[]", "[]").text()),
              HasSubstr("none of 1 events is a GPU kernel"));
}

TEST(Kineto, IsRecognisedByItsFirstBytes) {
  EXPECT_TRUE(looks_like_kineto("{\n  \"schemaVersion\": 1,\n"));
  EXPECT_TRUE(looks_like_kineto(Trace().kernel("k", 1).text().substr(0, 200)));
  EXPECT_TRUE(looks_like_kineto("[{\"ph\": \"X\", \"ts\": 1"));
  EXPECT_FALSE(looks_like_kineto("framework,version,device,op_name\n"));
  EXPECT_FALSE(looks_like_kineto("{\"rows\": 3}"));
}

TEST(Kineto, MatchesNamesOfAnyLength) {
  const std::string name = "void f<" + std::string(300'000, 'x') + ">";
  EXPECT_THAT(Trace().kernel(name, 1).read().unmapped, SizeIs(1));
}

TEST(Kineto, OfManyEventsKeepsLittle) {
  Trace trace;
  const int calls = 60'000;
  for (int i = 1; i <= calls; ++i) {
    trace.op(i, "aten::mm", fmt::format("[[{0}, 64], [64, 64]]", 1 + i % 50), kBf16)
        .op(-i, "aten::view", "[[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]", kBf16)
        .kernel(kNvjet, 10 + i % 50, i);
  }
  const std::string text = trace.text();
  ASSERT_GT(text.size(), 40'000'000U);
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  const KinetoReading reading = read_kineto(text, "trace.json", committed_map());
  getrusage(RUSAGE_SELF, &after);
  EXPECT_EQ(reading.events, 3U * calls);
  EXPECT_THAT(reading.table.samples, SizeIs(50));
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 120'000);  // KiB; as a tree, 300,000 and more
}

TEST(Kineto, DamagedAnywhereIsReadOrRefused) {
  const std::string sound =
      Trace()
          .op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16)
          .kernel(kNvjet, 10, 1)
          .op(2, "aten::_fused_adamw_", "[[[1000, 20], [50]], [[1000, 20]], []]", "[]")
          .kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL()", 40, 3, kAllReduce)
          .text();
  const std::vector<std::string> pieces = {"[",
                                           "]",
                                           "{",
                                           "}",
                                           ",",
                                           "\"",
                                           "-",
                                           "e99",
                                           "null",
                                           "[[",
                                           "\"Input Dims\": ",
                                           "9223372036854775807",
                                           "\xff",
                                           "[]"};
  std::mt19937 random(5);
  int refused = 0;
  int read = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string text = sound;
    const std::size_t at = random() % text.size();
    switch (random() % 4) {
      case 0:
        text[at] = static_cast<char>(random() % 256);
        break;
      case 1:
        text.erase(at, 1 + random() % 20);
        break;
      case 2:
        text.insert(at, pieces[random() % pieces.size()]);
        break;
      default:
        text.insert(at, text.substr(random() % text.size(), 1 + random() % 60));
    }
    try {
      const KinetoReading reading = read_kineto(text, "trace.json", committed_map());
      const Seconds parts = reading.mapped + total(reading.shapeless) + total(reading.unmapped);
      EXPECT_NEAR(parts / reading.total, 1.0, 1e-9);
      ++read;
    } catch (const InputError& error) {
      EXPECT_GT(error.diagnostics().front().place.line, 0);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 500);
}

TEST(KernelMap, KnowsThePublicKernels) {
  struct Known {
    std::string name;
    OpKind op;
  };
  const std::vector<Known> known = {
      {"void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_tn_align8>(P)",
       OpKind::kGemm},
      {"cutlass3x_sm100_tensorop_s256x128x16gemm_bf16_bf16_f32", OpKind::kGemm},
      {"void gemvNSP_kernel<float, float, float, float, 1, 32, 4, 1024>(P)", OpKind::kGemm},
      {"void deep_gemm::fp8_gemm_kernel<4096u, 7168u, 128u, 160u, 128u, 0u, 64u, 9u, 4u, 128u, "
       "128u, 1u, true, (deep_gemm::GemmType)0>(__nv_bfloat16*)",
       OpKind::kGemm},
      {"void deep_gemm::fp8_gemm_kernel<4096u, 7168u, 128u, 160u, 128u, 0u, 64u, 9u, 4u, 128u, "
       "128u, 1u, true, (deep_gemm::GemmType)1>(__nv_bfloat16*)",
       OpKind::kGroupedGemm},
      {"void deep_gemm::fp8_gemm_kernel<4096u, 7168u, 64u, (deep_gemm::GemmType)2>(x)",
       OpKind::kMaskedGroupedGemm},
      {"void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<x>>>(x)",
       OpKind::kAttentionForward},
      {"void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnBwdSm90<x>>>(x)",
       OpKind::kAttentionBackward},
      {"void cutlass::device_kernel<flash::FlashAttnBwdPreprocess<x>>(x)",
       OpKind::kAttentionBackward},
      {"cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_7_64x128x128_4x1x1",
       OpKind::kAttentionForward},
      {"cudnn_generated_fort_native_sdpa_sm90_flash_bprop_wgmma_f16_knob_26_64x64x128_1x1x1",
       OpKind::kAttentionBackward},
      {"void flash_fwd_splitkv_mla_kernel<Flash_fwd_kernel_traits_mla<576, 64, 64, 8>>(P)",
       OpKind::kMlaDecode},
      {"void flash_fwd_mla_combine_kernel<cutlass::bfloat16_t, float, long, 512>(P)",
       OpKind::kMlaDecode},
      {"void deep_ep::internode_ll::dispatch<true, true, 7168>(void*)",
       OpKind::kExpertDispatchLowLatency},
      {"void deep_ep::internode_ll::combine<false, 7168, 9, 4>(void*)",
       OpKind::kExpertCombineLowLatency},
      {"void deep_ep::internode::notify_dispatch<false, 4>(int const*)", OpKind::kExpertDispatch},
      {"void deep_ep::intranode::cached_notify_combine<8>(void**)", OpKind::kExpertCombine},
      {"ncclDevKernel_ReduceScatter_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
       OpKind::kAllReduce},  // the first of the collectives that the message tells apart
      {"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float>(int)",
       OpKind::kNorm},
      {"void flashinfer::norm::RMSNormKernel<8u, __nv_bfloat16>(x)", OpKind::kNorm},
      {"void at::native::(anonymous namespace)::layer_norm_grad_input_kernel_vectorized<float>(x)",
       OpKind::kNormBackward},
      {"void at::native::(anonymous namespace)::cunn_SoftMaxForward<4, float, float, float, "
       "at::native::(anonymous namespace)::LogSoftMaxForwardEpilogue>(x)",
       OpKind::kCrossEntropy},
      {"void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda>(x)",
       OpKind::kCopy},
      {"void at::native::(anonymous namespace)::indexSelectLargeIndex<c10::BFloat16, long>(x)",
       OpKind::kEmbed},
      {"void per_token_group_quant_8bit_kernel<__nv_bfloat16, c10::Float8_e4m3fn>(x)",
       OpKind::kQuantize},
      {"void flashinfer::activation::act_and_mul_kernel<__nv_bfloat16>(x)", OpKind::kSwiGlu},
      {"multi_tensor_apply_kernel<FusedAdamMathFunctor<float, 4>>", OpKind::kAdamW}};
  for (const Known& one : known) {
    const KernelRule* rule = rule_for(committed_map(), one.name);
    ASSERT_NE(rule, nullptr) << one.name;
    EXPECT_EQ(rule->ops.front(), one.op) << one.name << " matched " << rule->pattern;
  }
  for (const char* unknown : {"triton_poi_fused_add_0",
                              "void at::native::reduce_kernel<512, 1, ReduceOp<float>>(x)",
                              "void cub::DeviceRadixSortOnesweepKernel<Policy>(x)"}) {
    EXPECT_EQ(rule_for(committed_map(), unknown), nullptr) << unknown;
  }
}

TEST(KernelMap, SizesAreProductsOfTerms) {
  const KernelMap map = parse_kernel_map(
      "[[kernel]]\npattern = \"k\"\nops = [\"norm\"]\nshape = \"operator\"\nlibrary = \"x\"\n"
      "[[operator]]\nname = \"f\"\nop = \"norm\"\n"
      "shape = {rows = \"0[:-1]*2*1[*]\", columns = \"0[-1]\"}\ntyped_by = [0]\n",
      "map.toml");
  const std::string text = Trace()
                               .op(1, "f", "[[3, 5, 7], [2, 2]]", R"(["float", "long int"])")
                               .kernel("k", 1, 1)
                               .text();
  EXPECT_THAT(ops(read_kineto(text, "t.json", map)), ElementsAre("norm fp32 120x7"));
}

TEST(KernelMap, ReportsEveryMistakeAtItsPlace) {
  const std::string message = mistakes_in_map(
      "[[kernel]]\n"
      "pattern = \"(\"\n"
      "ops = [\"gem\"]\n"
      "shape = \"guess\"\n"
      "[[operator]]\n"
      "name = \"aten::mm\"\n"
      "op = \"gemm\"\n"
      "shape = {m = \"0[0\", n = \"1[1]\"}\n"
      "[[operator]]\n"
      "name = \"nccl\"\n"
      "op = \"all-reduce\"\n"
      "[[kernel]]\n"
      "pattern = \"k_(\\\\d+)\"\n"
      "ops = [\"gemm\"]\n"
      "shape = \"name\"\n"
      "captures = [\"m\"]\n"
      "library = \"x\"\n");
  EXPECT_THAT(message, HasSubstr("map.toml:2:11: \"(\" is no regular expression"));
  EXPECT_THAT(message, HasSubstr("map.toml:3:8: 'kernel.0.ops': \"gem\" is not known"));
  EXPECT_THAT(message, HasSubstr("map.toml:4:9: 'kernel.0.shape'"));
  EXPECT_THAT(message, HasSubstr("missing key 'library'"));
  EXPECT_THAT(message, HasSubstr("map.toml:8:14: \"0[0\" is no size"));
  EXPECT_THAT(message, HasSubstr("missing key 'k'"));
  EXPECT_THAT(message, HasSubstr("map.toml:11:6: the sizes of all-reduce are not among"));
  EXPECT_THAT(message, HasSubstr("map.toml:16:12: 'n' must be captured, once"));
  EXPECT_THAT(message, HasSubstr("map.toml:15:9: a name does not tell the precision"));
  EXPECT_THAT(mistakes_in_map(""), HasSubstr("no [[kernel]] is listed"));
}

TEST(KernelMap, DamagedAnywhereIsReadOrRefused) {
  const std::string sound =
      "[[kernel]]\npattern = \"nvjet_(\\\\d+)\"\nops = [\"gemm\"]\nshape = \"operator\"\n"
      "library = \"x\"\nper_call = \"one\"\n"
      "[[operator]]\nname = \"aten::mm\"\nop = \"gemm\"\nalike = [0, 1]\n"
      "shape = {m = \"0[0]*2\", n = \"1[1]\", k = \"0[-1]\"}\n";
  const std::string text =
      Trace().op(1, "aten::mm", "[[64, 64], [64, 64]]", kBf16).kernel("nvjet_12", 10, 1).text();
  std::mt19937 random(9);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = sound;
    const std::size_t at = random() % damaged.size();
    if (random() % 2 == 0) {
      damaged[at] = static_cast<char>(32 + random() % 95);
    } else {
      damaged.insert(at, sound.substr(random() % sound.size(), 1 + random() % 9));
    }
    try {
      EXPECT_EQ(read_kineto(text, "t.json", parse_kernel_map(damaged, "map.toml")).kernels, 1U);
    } catch (const InputError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace towtank
