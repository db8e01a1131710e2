#include "reports/groups_json.hpp"

namespace towtank {

nlohmann::ordered_json grids_object(const GridReport& grid) {
  return {{"ranks", grid.ranks()},
          {"ranks_per_node", grid.ranks_per_node},
          {"dense",
           {{"pipeline", grid.pipeline},
            {"data", grid.data},
            {"context", grid.context},
            {"tensor", grid.tensor},
            {"rank", "((pipeline x data's degree + data) x context's degree + context)"}}},
          {"expert",
           {{"pipeline", grid.pipeline},
            {"expert_data", grid.expert_data},
            {"expert", grid.expert},
            {"rank",
             "((pipeline x expert_data's degree + expert_data) x expert's degree + "
             "expert)"}}}};
}

nlohmann::ordered_json groups_array(const TrainingReport& report) {
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  for (const GroupReport& group : report.groups) {
    groups.push_back(
        {{"name", group.name},
         {"groups", group.groups},
         {"ranks", group.ranks},
         {"nodes", group.nodes},
         {"calls", group.calls},
         {"mean_sent_bytes", {{"nvlink", group.nvlink / byte}, {"nic", group.nic / byte}}},
         {"largest_sent_bytes",
          {{"nvlink", group.largest_nvlink / byte}, {"nic", group.largest_nic / byte}}},
         {"all_ranks_sent_bytes", group.all_ranks / byte}});
    if (!group.how.empty()) {
      groups.back()["algorithm"] = group.how;
    }
  }
  return groups;
}

}  // namespace towtank
