#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "sim/profile/axis.hpp"
#include "sim/profile/tables/kernel_library.hpp"
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

/// GPUs of a node in the tables that count nodes: all are of HGX machines.
constexpr std::int64_t kGpusPerNode = 8;

/// Bytes of a message of so many elements, whole ones.
std::int64_t message_bytes(std::int64_t elements, Precision precision) {
  return std::llround(std::ceil(static_cast<double>(elements) * bytes_of_element(precision)));
}

/// Reads the columns that tables of collectives share: what is sent, and among how many GPUs of one
/// node. Messages are counted in elements.
class MessageColumns {
 public:
  MessageColumns(const TableRows& rows, std::string_view dtype)
      : dtype_(rows.column(dtype)),
        ranks_(rows.column("num_gpus")),
        elements_(rows.column("message_size")),
        latency_(rows.column("latency")) {}

  Op op(TableRows& rows, OpKind kind) const {
    const Precision precision = rows.precision(dtype_);
    return {.kind = kind,
            .precision = precision,
            .shape = CollectiveShape{.ranks = rows.whole(ranks_, 2),
                                     .nodes = 1,
                                     .bytes = message_bytes(rows.amount(elements_), precision)}};
  }

  Seconds time(TableRows& rows) const { return rows.positive(latency_) * millisecond; }

 private:
  std::size_t dtype_;
  std::size_t ranks_;
  std::size_t elements_;
  std::size_t latency_;
};

struct Collective {
  std::string_view word;
  OpKind kind;
};

constexpr std::array kCollectives = {
    Collective{"all_reduce", OpKind::kAllReduce},
    Collective{"all_gather", OpKind::kAllGather},
    Collective{"reduce_scatter", OpKind::kReduceScatter},
    Collective{"alltoall", OpKind::kAllToAll},
    Collective{"sendrecv", OpKind::kSendRecv},
    Collective{"broadcast", OpKind::kBroadcast},
};

void read_nccl(TableRows& rows, const TableName& /*name*/) {
  const std::vector<std::string> words = {
      "all_reduce", "all_gather", "reduce_scatter", "alltoall", "sendrecv", "broadcast"};
  const MessageColumns message(rows, "nccl_dtype");
  const std::size_t collective = rows.column("op_name");
  while (rows.next()) {
    const auto* known = std::ranges::find(kCollectives, rows.word(collective), &Collective::word);
    if (known == kCollectives.end()) {
      rows.reject_word(collective, words);
      continue;
    }
    const Op op = message.op(rows, known->kind);
    rows.add(op, "nccl", message.time(rows));
  }
}

void read_custom_all_reduce(TableRows& rows, const TableName& name) {
  const MessageColumns message(rows, "allreduce_dtype");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    const Op op = message.op(rows, OpKind::kAllReduce);
    rows.add(op, library.of_row(rows), message.time(rows));
  }
}

/// Reads the columns in which both DeepEP tables describe what is exchanged.
class ExchangeColumns {
 public:
  explicit ExchangeColumns(const TableRows& rows)
      : nodes_(rows.column("node_num")),
        hidden_(rows.column("hidden_size")),
        tokens_(rows.column("num_token")),
        topk_(rows.column("num_topk")),
        experts_(rows.column("num_experts")) {}

  ExchangeShape shape(TableRows& rows) const {
    const std::int64_t nodes = rows.whole(nodes_);
    return {.ranks = nodes * kGpusPerNode,
            .nodes = nodes,
            .tokens = rows.whole(tokens_),
            .hidden = rows.whole(hidden_),
            .topk = rows.whole(topk_),
            .experts = rows.whole(experts_)};
  }

 private:
  std::size_t nodes_;
  std::size_t hidden_;
  std::size_t tokens_;
  std::size_t topk_;
  std::size_t experts_;
};

constexpr std::string_view kDeepEp = "deepep";

/// Tokens go out in FP8 with a scale per 128 (the table's bytes are 7,408 for a token of 7,168),
/// and come back in BF16.
void read_deepep_low_latency(TableRows& rows, const TableName& /*name*/) {
  const ExchangeColumns exchange(rows);
  const std::size_t dispatch = rows.column("dispatch_avg_t_us");
  const std::size_t combine = rows.column("combine_avg_t_us");
  while (rows.next()) {
    const ExchangeShape shape = exchange.shape(rows);
    const Seconds out = rows.positive(dispatch) * microsecond;
    const Seconds back = rows.positive(combine) * microsecond;
    rows.add({OpKind::kExpertDispatchLowLatency, Precision::kFp8Block, shape}, kDeepEp, out);
    rows.add({OpKind::kExpertCombineLowLatency, Precision::kBf16, shape}, kDeepEp, back);
  }
}

/// The transfer and the notification before it, on the SMs the row gives them.
void read_deepep_normal(TableRows& rows, const TableName& /*name*/) {
  const ExchangeColumns exchange(rows);
  const std::size_t dispatch = rows.column("dispatch_transmit_us");
  const std::size_t dispatch_notify = rows.column("dispatch_notify_us");
  const std::size_t dispatch_sms = rows.column("dispatch_sms");
  const std::size_t combine = rows.column("combine_transmit_us");
  const std::size_t combine_notify = rows.column("combine_notify_us");
  const std::size_t combine_sms = rows.column("combine_sms");
  while (rows.next()) {
    const ExchangeShape shape = exchange.shape(rows);
    const Seconds out = (rows.positive(dispatch) + rows.number(dispatch_notify)) * microsecond;
    const Seconds back = (rows.positive(combine) + rows.number(combine_notify)) * microsecond;
    const int out_sms = static_cast<int>(rows.whole(dispatch_sms));
    const int back_sms = static_cast<int>(rows.whole(combine_sms));
    rows.add({OpKind::kExpertDispatch, Precision::kFp8Block, shape}, kDeepEp, out, out_sms);
    rows.add({OpKind::kExpertCombine, Precision::kBf16, shape}, kDeepEp, back, back_sms);
  }
}

struct AllToAllStep {
  std::string_view word;
  std::optional<OpKind> kind;          // nothing: no op of the catalogue
  std::optional<Precision> precision;  // nothing: the row's
};

constexpr std::array kAllToAllSteps = {
    AllToAllStep{"alltoall_prepare", std::nullopt, std::nullopt},
    AllToAllStep{"alltoall_dispatch", OpKind::kExpertDispatch, std::nullopt},
    AllToAllStep{"alltoall_combine", OpKind::kExpertCombine, Precision::kBf16},
    AllToAllStep{"alltoall_combine_low_precision", OpKind::kExpertCombine, std::nullopt},
};

/// TensorRT-LLM's exchange within one NVLink domain, however many trays that has: one node.
void read_trtllm_all_to_all(TableRows& rows, const TableName& name) {
  const std::vector<std::string> words = {"alltoall_prepare",
                                          "alltoall_dispatch",
                                          "alltoall_combine",
                                          "alltoall_combine_low_precision"};
  const std::size_t step = rows.column("op_name");
  const std::size_t dtype = rows.column("moe_dtype");
  const std::size_t tokens = rows.column("num_tokens");
  const std::size_t hidden = rows.column("hidden_size");
  const std::size_t topk = rows.column("topk");
  const std::size_t experts = rows.column("num_experts");
  const std::size_t ranks = rows.column("moe_ep_size");
  const std::size_t latency = rows.column("latency");
  KernelLibrary library(rows, name.backend);
  while (rows.next()) {
    const auto* known = std::ranges::find(kAllToAllSteps, rows.word(step), &AllToAllStep::word);
    if (known == kAllToAllSteps.end()) {
      rows.reject_word(step, words);
      continue;
    }
    const Precision stored = rows.precision(dtype);
    const Op op = {.kind = known->kind.value_or(OpKind::kExpertDispatch),
                   .precision = known->precision.value_or(stored),
                   .shape = ExchangeShape{.ranks = rows.whole(ranks, 2),
                                          .nodes = 1,
                                          .tokens = rows.whole(tokens),
                                          .hidden = rows.whole(hidden),
                                          .topk = rows.whole(topk),
                                          .experts = rows.whole(experts)}};
    const Seconds time = rows.positive(latency) * millisecond;
    if (!known->kind) {
      rows.skip("alltoall_prepare: the exchange of counts alone is not in the catalogue");
    }
    rows.add(op, library.of_row(rows), time);
  }
}

}  // namespace

std::vector<TableLayout> exchange_layouts() {
  return {
      {.kind = "nccl_perf",
       .ops = {OpKind::kAllReduce,
               OpKind::kAllGather,
               OpKind::kReduceScatter,
               OpKind::kAllToAll,
               OpKind::kSendRecv,
               OpKind::kBroadcast},
       .columns = {"op_name", "nccl_dtype", "num_gpus", "message_size", "latency"},
       .read = read_nccl},
      {.kind = "custom_allreduce_perf",
       .ops = {OpKind::kAllReduce},
       .columns = {"allreduce_dtype", "num_gpus", "message_size", "latency"},
       .op_names = {"all_reduce"},
       .read = read_custom_all_reduce},
      {.kind = "wideep_deepep_ll_perf",
       .ops = {OpKind::kExpertDispatchLowLatency, OpKind::kExpertCombineLowLatency},
       .columns = {"node_num",
                   "hidden_size",
                   "num_token",
                   "num_topk",
                   "num_experts",
                   "dispatch_avg_t_us",
                   "combine_avg_t_us"},
       .read = read_deepep_low_latency},
      {.kind = "wideep_deepep_normal_perf",
       .ops = {OpKind::kExpertDispatch, OpKind::kExpertCombine},
       .columns = {"node_num",
                   "hidden_size",
                   "num_token",
                   "num_topk",
                   "num_experts",
                   "dispatch_sms",
                   "dispatch_transmit_us",
                   "dispatch_notify_us",
                   "combine_sms",
                   "combine_transmit_us",
                   "combine_notify_us"},
       .read = read_deepep_normal},
      {.kind = "trtllm_alltoall_perf",
       .ops = {OpKind::kExpertDispatch, OpKind::kExpertCombine},
       .columns = {"op_name",
                   "moe_dtype",
                   "num_tokens",
                   "hidden_size",
                   "topk",
                   "num_experts",
                   "moe_ep_size",
                   "latency"},
       .op_names = {"alltoall_prepare",
                    "alltoall_dispatch",
                    "alltoall_combine",
                    "alltoall_combine_low_precision"},
       .read = read_trtllm_all_to_all},
  };
}

}  // namespace towtank
