#include "sim/scenario/rank_rules.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"
#include "sim/plan/expert_traffic.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/scenario/divisors.hpp"
#include "sim/scenario/expert_load_reader.hpp"

namespace towtank {
namespace {

std::string count(std::int64_t value) {
  return format_count(static_cast<double>(value));
}

/// The experts' load and layout, on groups of these shapes that were found right.
void require_possible(const ExpertPlan& plan,
                      const ExpertLayer& layer,
                      const std::vector<GroupShape>& shapes,
                      Rules& rules) {
  for (const GroupShape& shape : shapes) {
    if (rules.sound({"model.moe.experts",
                     "model.moe.top_k",
                     "model.moe.groups",
                     "model.moe.groups_per_token",
                     "plan.expert",
                     "cluster.gpus",
                     "cluster.gpus_per_node"})) {
      check_expert_plan(plan, layer, shape, rules.document(), rules.mistakes());
    }
  }
}

/// "1 node", "3 nodes"
std::string counted(std::int64_t value, std::string_view word) {
  return fmt::format("{} {}{}", count(value), word, value == 1 ? "" : "s");
}

/// "24 GPUs (3 nodes of 8)", "20 GPUs (2 nodes of 8 and one of 4)", "7 GPUs (on a node of 8)"
std::string gpus_text(const Cluster& cluster) {
  const std::string all = counted(cluster.gpus(), "GPU");
  if (cluster.idle == 0) {
    return fmt::format("{} ({} of {})", all, counted(cluster.nodes, "node"), cluster.gpus_per_node);
  }
  if (cluster.nodes == 1) {
    return fmt::format("{} (on a node of {})", all, cluster.gpus_per_node);
  }
  return fmt::format("{} ({} of {} and one of {})",
                     all,
                     counted(cluster.nodes - 1, "node"),
                     cluster.gpus_per_node,
                     cluster.gpus_per_node - cluster.idle);
}

/// Ranks of one pipeline stage; exact for values that do not multiply up as well.
std::int64_t positions_of(const TrainingPlan& plan) {
  return std::int64_t{plan.data} * plan.tensor;
}

/// "pipeline 16 x data 64", and the tensor ranks where there are any
std::string grid_text(const TrainingPlan& plan) {
  std::string text = fmt::format("pipeline {} x data {}", plan.pipeline, plan.data);
  return plan.tensor > 1 ? text + fmt::format(" x tensor {}", plan.tensor) : text;
}

/// Groups that fill the ranks: `size` of every `stride`th rank, `stride` of them side by side.
struct Groups {
  std::int64_t size = 1;
  std::int64_t stride = 1;
};

/// How many ranks of a group that begins with `first` each node has, of those that have any.
std::vector<int> members_by_node(const Groups& groups, std::int64_t first, std::int64_t per_node) {
  std::vector<int> members;
  std::int64_t node = -1;
  for (std::int64_t i = 0; i < groups.size; ++i) {
    const std::int64_t of_member = (first + i * groups.stride) / per_node;
    if (of_member != node) {
      node = of_member;
      members.push_back(0);
    }
    ++members.back();
  }
  return members;
}

/// The shapes of such groups: by where on its node a group begins.
std::vector<GroupShape> shapes_of_groups(const Groups& groups,
                                         std::int64_t ranks,
                                         std::int64_t per_node) {
  std::vector<GroupShape> shapes;
  std::set<std::int64_t> begun;  // places
  for (std::int64_t block = 0; block < ranks; block += groups.size * groups.stride) {
    bool is_new = false;
    for (std::int64_t first = block; first < block + groups.stride; ++first) {
      if (!begun.insert(first % per_node).second) {
        continue;
      }
      is_new = true;
      std::vector<int> members = members_by_node(groups, first, per_node);
      const auto [fewest, most] = std::ranges::minmax(members);
      GroupShape shape{.local = most, .nodes = static_cast<int>(members.size())};
      if (fewest != most) {
        shape.uneven = std::move(members);
      }
      if (std::ranges::find(shapes, shape) == shapes.end()) {
        shapes.push_back(std::move(shape));
      }
    }
    if (!is_new) {
      break;
    }
  }
  return shapes;
}

/// Something of the model that tensor ranks have each a part of.
struct TensorShare {
  std::string_view key;
  std::string text;  // "96 heads"
  std::int64_t parts = 0;
  bool may_be_copied = false;  // ranks beyond the parts have copies of them
};

bool divides(const TensorShare& share, std::int64_t tensor) {
  return share.parts % tensor == 0 || (share.may_be_copied && tensor % share.parts == 0);
}

std::vector<TensorShare> tensor_shares(const Architecture& model) {
  std::vector<TensorShare> shares;
  const auto add = [&](std::string_view key, std::int64_t parts, std::string_view what) {
    if (parts > 0) {
      shares.push_back(
          {.key = key, .text = fmt::format("{} {}", count(parts), what), .parts = parts});
    }
  };
  add("model.attention", attention_heads(model.attention), "heads");
  if (const auto* grouped = std::get_if<GroupedAttention>(&model.attention)) {
    add("model.attention", grouped->kv_heads, "key/value heads");
    if (grouped->kv_heads > 0) {
      shares.back().may_be_copied = true;
    }
  }
  if (layers_with_experts(model) < model.layers) {
    add("model.dense_intermediate", model.dense_intermediate, "columns of an MLP");
  }
  add("model.moe", model.moe.width_of_shared(), "columns of the shared experts");
  return shares;
}

std::int64_t workable_tensor_ranks(const std::vector<TensorShare>& shares, std::int64_t limit) {
  constexpr std::int64_t kMostTried = 65'536;
  for (std::int64_t tensor = std::min(limit, kMostTried); tensor > 1; --tensor) {
    if (std::ranges::all_of(
            shares, [tensor](const TensorShare& share) { return divides(share, tensor); })) {
      return tensor;
    }
  }
  return 1;
}

/// The most expert-parallel ranks, up to the plan's, with which every rule about them holds.
std::int64_t workable_expert_ranks(const Scenario& scenario) {
  const ExpertLayer& moe = scenario.model.moe;
  for (std::int64_t expert = scenario.plan.expert; expert > 1; --expert) {
    if (positions_of(scenario.plan) % (expert * scenario.plan.expert_tensor) == 0 &&
        moe.experts % expert == 0) {
      return expert;
    }
  }
  return 1;
}

/// A dense model has nothing to share out or to place.
void check_no_experts(const TrainingPlan& plan, Rules& rules) {
  rules.require(plan.expert == 1,
                {"plan.expert", "model.moe"},
                fmt::format("{} expert-parallel ranks for a model without experts", plan.expert),
                "expert = 1, or leave it out");
  rules.require(
      plan.expert_tensor == 1,
      {"plan.expert_tensor", "model.moe"},
      fmt::format("{} ranks share each expert of a model without experts", plan.expert_tensor),
      "leave it out");
  const TomlMember* const experts = find_member(rules.document(), "experts");
  rules.require(experts == nullptr,
                {"experts", "model.moe"},
                "a model without experts has no load on them",
                "leave [experts] out");
}

/// Copies that go one by one are counted where every rank is sent as much.
void check_separate_copies(const TrainingPlan& plan,
                           const ExpertLayer& moe,
                           const std::vector<GroupShape>& shapes,
                           Rules& rules) {
  const bool even = std::ranges::all_of(shapes, [&moe](const GroupShape& shape) {
    return moe.experts % shape.size() == 0 && is_visited_evenly(moe, shape);
  });
  rules.require(is_balanced_routing(plan.expert_plan) && even,
                {"plan.dispatch", "experts"},
                "an all-to-all of unequally loaded experts, or of groups that sit unevenly on "
                "nodes, is not modelled",
                "dispatch = \"forwarded\"");
}

/// "shard = 64 would do": what divides the data ranks and holds whole expert-parallel groups of
/// `experts` ranks, next below the plan's or else next above.
std::string shard_hint(const TrainingPlan& plan, std::int64_t experts) {
  std::int64_t found = 0;
  for (std::int64_t shard = 1; shard <= plan.data && (found == 0 || shard <= plan.shard); ++shard) {
    if (plan.data % shard == 0 && shard * plan.tensor % experts == 0) {
      found = shard;
    }
  }
  return found == 0 ? "leave it out" : fmt::format("shard = {} would do", found);
}

}  // namespace

void check_ranks(TrainingPlan& plan, const Cluster& cluster, Rules& rules) {
  const bool derived = !rules.given("plan", "data");
  if (!rules.sound({"cluster.nodes",
                    "cluster.gpus",
                    "cluster.gpus_per_node",
                    "plan.nodes",
                    "plan.pipeline",
                    "plan.tensor"})) {
    if (derived) {
      rules.distrust("plan.data");
    }
    return;
  }
  const int gpus = cluster.gpus();
  const int of_stage = gpus / plan.pipeline;
  const int data = of_stage / plan.tensor;
  const std::int64_t ranks = std::int64_t{plan.pipeline} * positions_of(plan);
  // Of a placement, cluster.gpus would count the GPUs of all the cluster's nodes.
  const bool fill_nodes_in_part = !derived && !rules.given("plan", "nodes") && ranks < gpus &&
                                  ranks > std::int64_t{cluster.nodes - 1} * cluster.gpus_per_node;
  const std::string uses_only = fmt::format("cluster.gpus = {} uses only so many", ranks);
  rules.require(
      gpus % plan.pipeline == 0,
      {"plan.pipeline"},
      fmt::format("{} do not divide into {} pipeline ranks", gpus_text(cluster), plan.pipeline),
      fmt::format("pipeline = {} would do{}",
                  divisors_around(gpus, plan.pipeline),
                  fill_nodes_in_part ? "; " + uses_only : ""));
  rules.require(of_stage % plan.tensor == 0,
                {"plan.tensor", "plan.pipeline"},
                fmt::format("{} of a pipeline stage do not divide into groups of {} tensor ranks",
                            counted(of_stage, "GPU"),
                            plan.tensor),
                fmt::format("tensor = {} would do", divisors_around(of_stage, plan.tensor)));
  if (derived) {
    plan.data = std::max(data, 1);
    return;
  }
  rules.require(ranks == gpus,
                {"plan.data", "plan.pipeline", "plan.tensor"},
                fmt::format("{} is {} ranks, but the cluster has {}",
                            grid_text(plan),
                            count(ranks),
                            gpus_text(cluster)),
                fill_nodes_in_part
                    ? fmt::format("data = {}; {}", data, uses_only)
                    : fmt::format("data = {}, or leave it out to have it derived", data));
}

void check_tensor(const Architecture& model, const TrainingPlan& plan, Rules& rules) {
  const std::vector<TensorShare> shares = tensor_shares(model);
  const std::string hint =
      fmt::format("tensor = {} would do", workable_tensor_ranks(shares, plan.tensor));
  for (const TensorShare& share : shares) {
    rules.require(divides(share, plan.tensor),
                  {"plan.tensor", share.key},
                  fmt::format("{} do not divide over {} tensor ranks", share.text, plan.tensor),
                  hint);
  }
  rules.require(plan.tensor == 1 || plan.sequence_parallel || !plan.overlap.tensor,
                {"plan.overlap.tensor", "plan.sequence_parallel"},
                "all-reduces, which tensor ranks need without sequence parallelism, are not cut "
                "into pieces beside GEMMs",
                "overlap.tensor = false, or sequence_parallel = true");
  rules.require(plan.tensor == 1 || plan.sequence_parallel || model.moe.experts == 0,
                {"plan.sequence_parallel", "plan.tensor", "model.moe"},
                "without sequence parallelism every tensor rank would send its experts the same "
                "tokens, which is not modelled",
                "sequence_parallel = true, or tensor = 1");
}

void check_experts(const Scenario& scenario, Rules& rules) {
  const TrainingPlan& plan = scenario.plan;
  const ExpertLayer& moe = scenario.model.moe;
  if (moe.experts == 0) {
    check_no_experts(plan, rules);
    return;
  }
  const std::string hint = fmt::format("expert = {} would do", workable_expert_ranks(scenario));
  rules.require(moe.intermediate % plan.expert_tensor == 0,
                {"plan.expert_tensor", "model.moe.intermediate"},
                fmt::format("experts of {} columns do not divide over {} ranks each",
                            count(moe.intermediate),
                            plan.expert_tensor),
                fmt::format("expert_tensor = {} would do",
                            divisors_around(moe.intermediate, plan.expert_tensor)));
  const std::int64_t group = std::int64_t{plan.expert} * plan.expert_tensor;
  rules.require(
      positions_of(plan) % group == 0,
      {"plan.expert", "plan.expert_tensor", "plan.data", "plan.pipeline", "plan.tensor"},
      plan.tensor * plan.expert_tensor == 1
          ? fmt::format("{} data ranks do not divide into expert-parallel groups of {}",
                        plan.data,
                        plan.expert)
          : fmt::format("{} ranks of a pipeline stage (data {} x tensor {}) do not divide into "
                        "groups of {} for experts (expert {} x expert_tensor {})",
                        count(positions_of(plan)),
                        plan.data,
                        plan.tensor,
                        group,
                        plan.expert,
                        plan.expert_tensor),
      hint);
  rules.require(
      plan.expert_plan.redundant > 0 || moe.experts % plan.expert == 0,
      {"plan.expert", "model.moe.experts"},
      fmt::format(
          "{} experts do not divide over {} expert-parallel ranks", moe.experts, plan.expert),
      hint);
  const std::vector<GroupShape> shapes =
      shapes_of_groups({.size = plan.expert, .stride = plan.expert_tensor},
                       std::int64_t{plan.pipeline} * positions_of(plan),
                       std::max(scenario.cluster.gpus_per_node, 1));
  require_possible(plan.expert_plan, moe, shapes, rules);
  if (!plan.forwards_in_node && rules.sound({"plan.expert", "model.moe.experts"})) {
    check_separate_copies(plan, moe, shapes, rules);
  }
}

void check_sharding(const Architecture& model, const TrainingPlan& plan, Rules& rules) {
  if (plan.shard == 0) {
    return;
  }
  const std::int64_t experts =
      model.moe.experts == 0 ? 1 : std::int64_t{plan.expert} * plan.expert_tensor;
  const std::string hint = shard_hint(plan, experts);
  rules.require(
      plan.zero_stage > 0,
      {"plan.shard", "plan.zero"},
      fmt::format("{} ranks to share what a plan with zero = 0 does not share", plan.shard),
      "zero = 3, or leave shard out");
  rules.require(plan.data % plan.shard == 0,
                {"plan.shard", "plan.data", "plan.pipeline", "plan.tensor"},
                fmt::format("{} data ranks do not divide into groups of {} that share parameters",
                            plan.data,
                            plan.shard),
                hint);
  rules.require(
      std::int64_t{plan.shard} * plan.tensor % experts == 0,
      {"plan.shard", "plan.expert", "plan.expert_tensor", "plan.tensor"},
      fmt::format("groups of {} data ranks that share parameters hold no whole expert-parallel "
                  "group of {}, which is not modelled",
                  plan.shard,
                  experts),
      hint);
}

}  // namespace towtank
