#include "sim/graph/training_step.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/rank_classes.hpp"
#include "sim/graph/traffic.hpp"
#include "sim/graph/unit_segments.hpp"
#include "sim/plan/mesh.hpp"
#include "sim/plan/parameter_shards.hpp"
#include "sim/plan/schedule.hpp"
#include "sim/plan/stages.hpp"

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

enum class Way { kForward, kBackward };

/// Where a chunk's input arrives: the way it goes, the simulated rank, the stage and micro-batch it
/// is for.
using Arrival = std::tuple<Way, int, int, int>;

/// What nodes a rank's segments and traffics are; equal for all chunks of a stage.
struct UnitNodes {
  UnitKind kind = UnitKind::kMoeLayer;
  UnitSegments alone;
  UnitSegments shared;
};

/// A chain of nodes under construction: each depends on the one before it.
struct Chain {
  int slot = 0;
  std::optional<Vertex> last;
  std::optional<Arrival> input;  // what the chain's first node waits for
  std::vector<Vertex> waits;     // what its next node waits for besides
};

class StepWriter {
 public:
  StepWriter(const Architecture& model,
             const TrainingPlan& plan,
             const Cluster& cluster,
             Folding folding,
             OpGraph& graph)
      : model_(model),
        plan_(plan),
        mesh_(plan, cluster.gpus_per_node),
        schedule_(make_schedule(plan.schedule,
                                {.ranks = plan.pipeline,
                                 .micro_batches = plan.micro_batches(),
                                 .interleave = plan.interleave})),
        stages_(make_stages(model, plan, schedule_.stages)),
        classes_(folding == Folding::kFolded
                     ? equitable_partition(training_relations(mesh_, schedule_))
                     : unfolded(mesh_.ranks())),
        traffic_(model, plan, mesh_, classes_),
        graph_(graph) {
    graph_.folded = folding == Folding::kFolded;
  }

  void write() {
    write_segments();
    for (std::size_t i = 0; i < classes_.representatives.size(); ++i) {
      const int rank = classes_.representatives[i];
      graph_.ranks.push_back(
          {.rank = rank, .pipeline = mesh_.pipeline(rank), .members = classes_.members[i]});
      graph_.streams.emplace_back();
    }
    for (int sim = 0; sim < simulated(); ++sim) {
      write_program(sim);
    }
    connect_arrivals();
    write_optimizer();
  }

 private:
  int simulated() const { return static_cast<int>(graph_.ranks.size()); }
  int rank(int sim) const { return graph_.ranks[at(sim)].rank; }
  int sim_of(int global) const { return classes_.class_of[at(global)]; }

  // ---- segments and traffics -------------------------------------------------------------------

  void write_segments() {
    const TokenShard shard = plan_.token_shard(model_.moe.experts, model_.moe.top_k);
    const auto make = [&](UnitKind unit, bool shares_gpu) {
      return add_unit_segments(unit, model_, shard, plan_.recipe, shares_gpu, graph_.segments);
    };
    for (const UnitKind unit : {UnitKind::kEmbedding,
                                UnitKind::kDenseLayer,
                                UnitKind::kMoeLayer,
                                UnitKind::kMtpLayer,
                                UnitKind::kHead}) {
      units_[unit] = {.kind = unit, .alone = make(unit, false), .shared = make(unit, true)};
    }
  }

  /// Index of a traffic in the graph; equal keys share one.
  using TrafficKey = std::tuple<int, int, bool, int>;  // rank, kind, shared, detail
  template <typename Make>
  int traffic(const TrafficKey& key, Make make) {
    const auto [entry, is_new] =
        traffics_.try_emplace(key, static_cast<int>(graph_.traffics.size()));
    if (is_new) {
      graph_.traffics.push_back(make());
    }
    return entry->second;
  }

  // ---- nodes -----------------------------------------------------------------------------------

  Vertex add_node(Node node) {
    const Vertex vertex = boost::add_vertex(node, graph_.dependencies);
    graph_.streams[at(node.rank)][static_cast<std::size_t>(node.stream)].push_back(vertex);
    return vertex;
  }

  void depend(Vertex before, Vertex after) { boost::add_edge(before, after, graph_.dependencies); }

  /// Appends a node to a chain.
  void extend(Chain& chain, Node node) {
    node.slot = chain.slot;
    const Vertex vertex = add_node(node);
    if (chain.last) {
      depend(*chain.last, vertex);
    } else if (chain.input) {
      needs_.emplace_back(*chain.input, vertex);
    }
    for (const Vertex before : chain.waits) {
      depend(before, vertex);
    }
    chain.waits.clear();
    chain.last = vertex;
  }

  void compute(int sim, Chain& chain, int segment) {
    if (segment >= 0) {
      extend(chain,
             {.work = Node::Work::kSegment,
              .index = segment,
              .rank = sim,
              .stream = StreamKind::kCompute,
              .slot = 0,
              .rendezvous = -1});
    }
  }

  /// A weight gradient. It needs the input gradient before it on the compute stream, whose order
  /// sees to that, and nothing in its chunk waits for it.
  void compute_aside(int sim, const Chain& chain, int segment) {
    Chain branch{.slot = chain.slot, .last = std::nullopt, .input = std::nullopt, .waits = {}};
    compute(sim, branch, segment);
  }

  void collective(
      int sim, Chain& chain, StreamKind stream, int index, const std::vector<int>& group) {
    if (graph_.traffics[at(index)].flows.empty()) {
      return;
    }
    extend(chain,
           {.work = Node::Work::kTraffic,
            .index = index,
            .rank = sim,
            .stream = stream,
            .slot = 0,
            .rendezvous = rendezvous(sim, stream, group)});
  }

  /// Members of a group meet for the n-th time on a stream; one simulated member meets nobody.
  int rendezvous(int sim, StreamKind stream, const std::vector<int>& group) {
    if (graph_.folded || group.size() < 2) {
      return -1;
    }
    const int first = group.front();
    const int size = static_cast<int>(group.size());
    const int turn = turns_[{sim, static_cast<int>(stream), first, size}]++;
    return meetings_
        .try_emplace({static_cast<int>(stream), first, size, turn},
                     static_cast<int>(meetings_.size()))
        .first->second;
  }

  void experts(int sim, Chain& chain, UnitKind unit, TransferKind kind, bool shared) {
    if (!has_experts(unit)) {
      return;
    }
    const int index = traffic({sim, static_cast<int>(kind), shared, -1},
                              [&] { return traffic_.experts(kind, rank(sim), shared); });
    collective(sim, chain, StreamKind::kExpert, index, mesh_.expert_group(rank(sim)));
  }

  void context(int sim, Chain& chain, int attention_segment, TransferKind kind) {
    if (plan_.context == 1 || attention_segment < 0) {
      return;
    }
    const int index = traffic({sim, static_cast<int>(kind), false, -2},
                              [&] { return traffic_.context(kind, rank(sim)); });
    collective(sim, chain, StreamKind::kExpert, index, mesh_.context_group(rank(sim)));
  }

  // ---- chunks ----------------------------------------------------------------------------------

  /// A chunk being written on a rank: its chain and the units it works through, in its own order.
  struct ChunkWriter {
    Chunk chunk;
    bool shared = false;
    Chain chain;
    std::vector<UnitKind> units;

    int count() const { return static_cast<int>(units.size()); }
  };

  ChunkWriter begin(int sim, const Chunk& chunk, int slot, bool shared) {
    ChunkWriter writer{
        .chunk = chunk,
        .shared = shared,
        .chain = {.slot = slot, .last = std::nullopt, .input = std::nullopt, .waits = {}},
        .units = stages_[at(chunk.stage)].units};
    const bool forward = chunk.pass == Pass::kForward;
    if (!forward) {
      std::ranges::reverse(writer.units);
    }
    const bool at_the_end = forward ? chunk.stage == 0 : chunk.stage + 1 == schedule_.stages;
    if (chunk.pass != Pass::kWeight && !at_the_end) {
      const Way way = forward ? Way::kForward : Way::kBackward;
      writer.chain.input = Arrival{way, sim, chunk.stage, chunk.micro_batch};
    }
    if (chunk.pass != Pass::kWeight) {
      writer.chain.waits = sends_under_way_;
    }
    return writer;
  }

  const UnitSegments& segments(const ChunkWriter& writer, int unit) const {
    const UnitNodes& nodes = units_.at(writer.units[at(unit)]);
    return writer.shared ? nodes.shared : nodes.alone;
  }

  // Each step writes one part of the unit-th unit of a chunk, and nothing past the chunk's last
  // unit.

  void forward_attention(int sim, ChunkWriter& writer, int unit) {
    if (unit < writer.count()) {
      const UnitSegments& nodes = segments(writer, unit);
      context(sim, writer.chain, nodes.attention_forward, TransferKind::kAllGather);
      compute(sim, writer.chain, nodes.attention_forward);
      experts(sim, writer.chain, writer.units[at(unit)], TransferKind::kDispatch, writer.shared);
    }
  }

  void forward_mlp(int sim, ChunkWriter& writer, int unit) {
    if (unit < writer.count()) {
      compute(sim, writer.chain, segments(writer, unit).mlp_forward);
      experts(sim, writer.chain, writer.units[at(unit)], TransferKind::kCombine, writer.shared);
      if (unit + 1 == writer.count()) {
        hand_over(sim, writer);
      }
    }
  }

  void backward_dispatch(int sim, ChunkWriter& writer, int unit) {
    if (unit < writer.count()) {
      experts(sim, writer.chain, writer.units[at(unit)], TransferKind::kDispatch, writer.shared);
    }
  }

  void backward_mlp(int sim, ChunkWriter& writer, int unit) {
    if (unit < writer.count()) {
      compute(sim, writer.chain, segments(writer, unit).mlp_input_gradient);
      experts(sim, writer.chain, writer.units[at(unit)], TransferKind::kCombine, writer.shared);
    }
  }

  void backward_attention(int sim, ChunkWriter& writer, int unit) {
    if (unit < writer.count()) {
      const UnitSegments& nodes = segments(writer, unit);
      context(sim, writer.chain, nodes.attention_input_gradient, TransferKind::kAllGather);
      compute(sim, writer.chain, nodes.attention_input_gradient);
      context(sim, writer.chain, nodes.attention_input_gradient, TransferKind::kReduceScatter);
      if (unit + 1 == writer.count()) {
        hand_over(sim, writer);
      }
    }
  }

  void mlp_weight(int sim, ChunkWriter& writer, int unit, bool shared) {
    if (unit < writer.count()) {
      const UnitNodes& nodes = units_.at(writer.units[at(unit)]);
      compute_aside(sim, writer.chain, (shared ? nodes.shared : nodes.alone).mlp_weight_gradient);
    }
  }

  void attention_weight(int sim, ChunkWriter& writer, int unit, bool shared) {
    if (unit < writer.count()) {
      const UnitNodes& nodes = units_.at(writer.units[at(unit)]);
      compute_aside(
          sim, writer.chain, (shared ? nodes.shared : nodes.alone).attention_weight_gradient);
    }
  }

  void write_forward(int sim, ChunkWriter& writer) {
    for (int unit = 0; unit < writer.count(); ++unit) {
      forward_attention(sim, writer, unit);
      forward_mlp(sim, writer, unit);
    }
  }

  /// Input gradients; with weight gradients they run beside the communication of the next ones.
  void write_backward(int sim, ChunkWriter& writer, bool with_weights) {
    backward_dispatch(sim, writer, 0);
    for (int unit = 0; unit < writer.count(); ++unit) {
      const bool beside = has_experts(writer.units[at(unit)]);
      backward_mlp(sim, writer, unit);
      if (with_weights) {
        mlp_weight(sim, writer, unit, beside);
      }
      backward_attention(sim, writer, unit);
      backward_dispatch(sim, writer, unit + 1);
      if (with_weights) {
        attention_weight(sim, writer, unit, beside);
      }
    }
  }

  void write_weights(int sim, ChunkWriter& writer) {
    for (int unit = 0; unit < writer.count(); ++unit) {
      mlp_weight(sim, writer, unit, false);
      attention_weight(sim, writer, unit, false);
    }
  }

  /// The overlapped pair: while one chunk communicates the other computes.
  void write_overlapped(int sim, ChunkWriter& f, ChunkWriter& b) {
    backward_dispatch(sim, b, 0);
    for (int unit = 0; unit < std::max(f.count(), b.count()); ++unit) {
      forward_attention(sim, f, unit);
      backward_mlp(sim, b, unit);
      mlp_weight(sim, b, unit, true);
      forward_mlp(sim, f, unit);
      backward_attention(sim, b, unit);
      backward_dispatch(sim, b, unit + 1);
      attention_weight(sim, b, unit, true);
    }
  }

  /// A finished chunk's result leaves at once or, in a blocking plan, with the end of its slot.
  void hand_over(int sim, const ChunkWriter& writer) {
    if (plan_.blocking_pipeline) {
      finished_.push_back(writer);
    } else {
      send(sim, writer);
    }
  }

  /// The end of a slot in a blocking plan: all that it finished is sent after its last kernel, and
  /// the rank's next chunk waits until it is gone.
  void send_finished(int sim) {
    const Vertex last_kernel = graph_.streams[at(sim)][0].back();
    for (ChunkWriter& writer : finished_) {
      writer.chain.waits = {last_kernel};
      send(sim, writer);
    }
    finished_.clear();
  }

  /// A chunk's result on its way to the rank of the neighbouring stage, unless that is on this
  /// rank.
  void send(int sim, const ChunkWriter& writer) {
    const Chunk& chunk = writer.chunk;
    const bool forward = chunk.pass == Pass::kForward;
    const int stage = chunk.stage + (forward ? 1 : -1);
    if (stage < 0 || stage >= schedule_.stages) {
      return;
    }
    const int here = mesh_.pipeline(rank(sim));
    // A folded mirror image runs the other direction; the stage tells where it is on this rank.
    const int direction = rank_of(schedule_, chunk.stage, 0) == here ? 0 : schedule_.directions - 1;
    const int there = rank_of(schedule_, stage, direction);
    const int to = mesh_.rank(there, mesh_.position(rank(sim)));
    const Way way = forward ? Way::kForward : Way::kBackward;
    Chain sending = writer.chain;
    if (to != rank(sim)) {
      const int index = traffic({sim, static_cast<int>(TransferKind::kPointToPoint), true, to},
                                [&] { return traffic_.boundary(rank(sim), to); });
      extend(sending,
             {.work = Node::Work::kTraffic,
              .index = index,
              .rank = sim,
              .stream = there > here ? StreamKind::kNext : StreamKind::kPrevious,
              .slot = 0,
              .rendezvous = -1});
      if (plan_.blocking_pipeline) {
        sends_under_way_.push_back(*sending.last);
      }
    }
    arrivals_[{way, sim_of(to), stage, chunk.micro_batch}] = *sending.last;
  }

  void write_program(int sim) {
    const Program& program = schedule_.programs[at(mesh_.pipeline(rank(sim)))];
    sends_under_way_.clear();
    for (const Slot& slot : program) {
      write_slot(sim, slot);
      send_finished(sim);
      const Vertex newest = graph_.streams[at(sim)][0].back();
      for (const Chunk* chunk : {&slot.chunk, slot.overlapped ? &*slot.overlapped : nullptr}) {
        if (chunk != nullptr && (chunk->pass == Pass::kBackward || chunk->pass == Pass::kWeight)) {
          gradients_ready_[{sim, chunk->stage}] = newest;
        }
      }
    }
  }

  void write_slot(int sim, const Slot& slot) {
    const int label = static_cast<int>(graph_.slots.size());
    const bool overlapped = slot.overlapped.has_value();
    graph_.slots.push_back({.rank = sim,
                            .phase = overlapped ? Phase::kOverlapped : phase(slot.chunk.pass),
                            .stage = slot.chunk.stage,
                            .overlapped_stage = overlapped ? slot.overlapped->stage : -1,
                            .micro_batch = slot.chunk.micro_batch});
    ChunkWriter first = begin(sim, slot.chunk, label, overlapped);
    std::optional<ChunkWriter> second;
    if (overlapped) {
      second = begin(sim, *slot.overlapped, label, true);
    }
    if (slot.chunk.pass != Pass::kWeight) {
      sends_under_way_.clear();  // the chunks begun wait for them
    }
    if (second) {
      write_overlapped(sim, first, *second);
      return;
    }
    switch (slot.chunk.pass) {
      case Pass::kForward:
        write_forward(sim, first);
        break;
      case Pass::kBackward:
        write_backward(sim, first, true);
        break;
      case Pass::kBackwardInput:
        write_backward(sim, first, false);
        break;
      case Pass::kWeight:
        write_weights(sim, first);
        break;
    }
  }

  static Phase phase(Pass pass) {
    switch (pass) {
      case Pass::kForward:
        return Phase::kForward;
      case Pass::kBackward:
      case Pass::kBackwardInput:
        return Phase::kBackward;
      case Pass::kWeight:
        return Phase::kWeight;
    }
    return Phase::kForward;
  }

  void connect_arrivals() {
    for (const auto& [input, vertex] : needs_) {
      const auto source = arrivals_.find(input);
      check(source != arrivals_.end(), "every chunk's input is sent by the neighbouring stage");
      depend(source->second, vertex);
    }
  }

  // ---- gradients, optimizer, parameters
  // ----------------------------------------------------------

  /// One stage on one rank: a copy of its parameters and who shares it.
  struct Shard {
    int stage = 0;
    double dense = 0;
    double experts = 0;
    std::vector<int> dense_group;
    std::vector<int> expert_group;
    Vertex ready = 0;
  };

  std::vector<Shard> shards(int sim) const {
    std::vector<Shard> result;
    for (const auto& [key, vertex] : gradients_ready_) {
      const auto [owner, stage] = key;
      if (owner != sim) {
        continue;
      }
      const StageParameters parameters = stage_parameters(model_, plan_, stages_[at(stage)]);
      const std::vector<int> hosts = hosts_of_stage(schedule_, stage);
      result.push_back({.stage = stage,
                        .dense = parameters.dense,
                        .experts = parameters.experts,
                        .dense_group = mesh_.dense_replicas(hosts),
                        .expert_group = mesh_.expert_replicas(hosts, rank(sim)),
                        .ready = vertex});
    }
    // Collectives run in the order in which gradients become ready.
    std::ranges::sort(result, {}, &Shard::ready);
    return result;
  }

  void ring(int sim,
            Chain& chain,
            TransferKind kind,
            const std::vector<int>& group,
            double parameters,
            Bytes element,
            int detail) {
    const Bytes size = parameters * element;
    const int index = traffic({sim, static_cast<int>(kind), true, detail},
                              [&] { return traffic_.ring(kind, rank(sim), group, size); });
    collective(sim, chain, StreamKind::kData, index, group);
  }

  /// FP8 recipes keep the gathered parameters quantised for the next step's GEMMs.
  void quantize_parameters(int sim, Chain& chain, const std::vector<Shard>& own) {
    double parameters = 0.0;
    for (const Shard& shard : own) {
      parameters += shard.dense + shard.experts;
    }
    if (plan_.recipe.gemm != Precision::kFp8Block) {
      return;
    }
    const auto rows = static_cast<std::int64_t>(parameters) / model_.hidden;
    graph_.segments.push_back({.name = "parameter quantisation",
                               .ops = {{.kind = OpKind::kQuantize,
                                        .precision = Precision::kFp8Block,
                                        .shape = SweepShape{rows, model_.hidden}}},
                               .shares_gpu = false});
    compute(sim, chain, static_cast<int>(graph_.segments.size()) - 1);
  }

  int optimizer_segment(const std::vector<Shard>& own) {
    double parameters = 0.0;
    for (const Shard& shard : own) {
      const bool sharded = plan_.zero_stage > 0;
      parameters += shard.dense / (sharded ? static_cast<double>(shard.dense_group.size()) : 1.0);
      parameters +=
          shard.experts / (sharded ? static_cast<double>(shard.expert_group.size()) : 1.0);
    }
    const Op adamw{.kind = OpKind::kAdamW,
                   .precision = Precision::kFp32,
                   .shape = SweepShape{static_cast<std::int64_t>(parameters), 1}};
    graph_.segments.push_back({.name = "optimizer", .ops = {adamw}, .shares_gpu = false});
    return static_cast<int>(graph_.segments.size()) - 1;
  }

  /// The end of the step. The gradient norm needs every gradient of the job, so no rank's optimizer
  /// starts before all reductions have ended.
  void write_optimizer() {
    constexpr Bytes kGradient{4.0};   // FP32 (report, section 3.3.3)
    constexpr Bytes kParameter{2.0};  // BF16
    const bool sharded = plan_.zero_stage > 0;
    std::vector<std::vector<Shard>> of_rank;
    std::vector<int> slot_of_rank;
    std::vector<Vertex> reduced;
    for (int sim = 0; sim < simulated(); ++sim) {
      of_rank.push_back(shards(sim));
      slot_of_rank.push_back(static_cast<int>(graph_.slots.size()));
      graph_.slots.push_back({.rank = sim, .phase = Phase::kOptimizer});
      for (const Shard& shard : of_rank.back()) {
        Chain chain{
            .slot = slot_of_rank.back(), .last = shard.ready, .input = std::nullopt, .waits = {}};
        const auto reduce = [&](const std::vector<int>& group, double parameters, int detail) {
          ring(sim, chain, TransferKind::kReduceScatter, group, parameters, kGradient, detail);
          if (!sharded) {
            ring(sim, chain, TransferKind::kAllGather, group, parameters, kGradient, detail);
          }
        };
        reduce(shard.expert_group, shard.experts, 2 * shard.stage + 1);
        reduce(shard.dense_group, shard.dense, 2 * shard.stage);
        reduced.push_back(*chain.last);
      }
    }
    const Vertex norm = write_gradient_norm(reduced, slot_of_rank.front());
    for (int sim = 0; sim < simulated(); ++sim) {
      Chain chain{.slot = slot_of_rank[at(sim)], .last = norm, .input = std::nullopt, .waits = {}};
      compute(sim, chain, optimizer_segment(of_rank[at(sim)]));
      for (const Shard& shard : of_rank[at(sim)]) {
        if (sharded) {
          const int detail = 1'000'000 + 2 * shard.stage;
          ring(sim,
               chain,
               TransferKind::kAllGather,
               shard.expert_group,
               shard.experts,
               kParameter,
               detail + 1);
          ring(sim,
               chain,
               TransferKind::kAllGather,
               shard.dense_group,
               shard.dense,
               kParameter,
               detail);
        }
      }
      quantize_parameters(sim, chain, of_rank[at(sim)]);
    }
  }

  /// The point where all gradients are known; its few bytes take no time.
  Vertex write_gradient_norm(const std::vector<Vertex>& reduced, int slot) {
    graph_.traffics.push_back({.name = "gradient norm",
                               .kind = TransferKind::kAllGather,
                               .shares_gpu = false,
                               .flows = {}});
    const Vertex norm = add_node({.work = Node::Work::kTraffic,
                                  .index = static_cast<int>(graph_.traffics.size()) - 1,
                                  .rank = 0,
                                  .stream = StreamKind::kData,
                                  .slot = slot,
                                  .rendezvous = -1});
    for (const Vertex vertex : reduced) {
      depend(vertex, norm);
    }
    return norm;
  }

  const Architecture& model_;
  const TrainingPlan& plan_;
  Mesh mesh_;
  Schedule schedule_;
  std::vector<Stage> stages_;
  RankClasses classes_;
  TrafficMaker traffic_;
  OpGraph& graph_;  // filled in place: a Boost graph has no cheap move
  std::map<UnitKind, UnitNodes> units_;
  std::map<TrafficKey, int> traffics_;
  std::map<Arrival, Vertex> arrivals_;
  std::vector<std::pair<Arrival, Vertex>> needs_;
  std::map<std::tuple<int, int, int, int>, int> turns_;  // (rank, stream, group) -> meetings so far
  std::map<std::tuple<int, int, int, int>, int> meetings_;  // (stream, group, turn) -> rendezvous
  std::vector<ChunkWriter> finished_;    // of the slot being written, in a blocking plan
  std::vector<Vertex> sends_under_way_;  // of the rank being written, in a blocking plan
  std::map<std::pair<int, int>, Vertex> gradients_ready_;  // (rank, stage) -> last weight gradient
};

}  // namespace

OpGraph lower_training_step(const Architecture& model,
                            const TrainingPlan& plan,
                            const Cluster& cluster,
                            Folding folding) {
  check(plan.ranks() == cluster.nodes * cluster.gpus_per_node, "the plan fills the cluster");
  OpGraph graph;
  StepWriter(model, plan, cluster, folding, graph).write();
  return graph;
}

}  // namespace towtank
