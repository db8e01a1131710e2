#include "reports/experts_json.hpp"

#include <nlohmann/json.hpp>

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json sent_object(const SentReport& sent) {
  return {{"least", sent.least / byte}, {"mean", sent.mean / byte}, {"most", sent.most / byte}};
}

Json layout_object(const ExpertLayoutReport& layout) {
  return {{"placement", layout.placement},
          {"in_force", layout.in_force},
          {"rank_peak", layout.rank_peak},
          {"node_peak", layout.node_peak},
          {"drawn", {{"rank_peak", layout.drawn_peak}, {"standard_error", layout.drawn_error}}},
          {"nodes_per_token", layout.nodes_per_token},
          {"ranks_per_token", layout.ranks_per_token},
          {"most_replicas", layout.most_replicas},
          {"busiest_rows", layout.busiest_rows},
          {"nic_sent_bytes", sent_object(layout.nic)},
          {"nic_received_bytes", sent_object(layout.nic_received)},
          {"nvlink_sent_bytes", sent_object(layout.nvlink)},
          {"node_loads", layout.node_loads},
          {"rank_loads", layout.rank_loads}};
}

}  // namespace

std::string experts_json(const ExpertsReport& report) {
  Json layouts = Json::array();
  for (const ExpertLayoutReport& layout : report.layouts) {
    layouts.push_back(layout_object(layout));
  }
  const Json object = {{"schema", "towtank.experts/1"},
                       {"title", report.title},
                       {"scenario", report.scenario},
                       {"experts", report.experts},
                       {"top_k", report.top_k},
                       {"groups", report.groups},
                       {"groups_per_token", report.groups_per_token},
                       {"load", report.load},
                       {"expert_peak", report.expert_peak},
                       {"nodes", report.nodes},
                       {"ranks_per_node", report.ranks_per_node},
                       {"uneven_nodes", report.uneven_nodes},
                       {"other_groups", report.other_groups},
                       {"slots_per_rank", report.slots_per_rank},
                       {"redundant", report.redundant},
                       {"tokens_per_rank", report.tokens_per_rank},
                       {"copy_bytes", report.copy / byte},
                       {"drawn_micro_batches", report.drawn_micro_batches},
                       {"layouts", layouts}};
  // Text that is not UTF-8 (a file name can hold it) is written with replacement characters.
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace towtank
