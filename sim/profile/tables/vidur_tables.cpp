// Collectives as the simulator Vidur (github.com/microsoft/vidur) measured them with NCCL through
// PyTorch, in FP16. Times are in milliseconds, with a step of one microsecond; sizes in bytes.
#include "sim/profile/tables/table_layout.hpp"

namespace towtank {
namespace {

void read_collective(TableRows& rows, OpKind kind, std::string_view median) {
  const std::size_t ranks = rows.column("num_workers");
  const std::size_t ranks_per_node = rows.column("devices_per_node");
  const std::size_t size = rows.column("size");
  const std::size_t time = rows.column(median);
  while (rows.next()) {
    const std::int64_t all = rows.whole(ranks, 2);
    const std::int64_t of_node = rows.whole(ranks_per_node);
    if (all % of_node != 0) {
      rows.reject("num_workers is not a multiple of devices_per_node");
    }
    const CollectiveShape shape = {
        .ranks = all, .nodes = all / of_node, .bytes = rows.amount(size)};
    rows.add({kind, Precision::kBf16, shape}, "nccl/vidur", rows.positive(time) * millisecond);
  }
}

void read_all_reduce(TableRows& rows, const TableName& /*name*/) {
  read_collective(rows, OpKind::kAllReduce, "time_stats.all_reduce.median");
}

void read_send_recv(TableRows& rows, const TableName& /*name*/) {
  read_collective(rows, OpKind::kSendRecv, "time_stats.send_recv.median");
}

}  // namespace

std::vector<TableLayout> vidur_layouts() {
  return {
      {.kind = "vidur_all_reduce",
       .ops = {OpKind::kAllReduce},
       .columns = {"num_workers", "size", "devices_per_node", "time_stats.all_reduce.median"},
       .read = read_all_reduce},
      {.kind = "vidur_send_recv",
       .ops = {OpKind::kSendRecv},
       .columns = {"num_workers", "size", "devices_per_node", "time_stats.send_recv.median"},
       .read = read_send_recv},
  };
}

}  // namespace towtank
