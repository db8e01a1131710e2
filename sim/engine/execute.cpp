#include "sim/engine/execute.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/engine/deadlock.hpp"
#include "sim/engine/flow_clock.hpp"
#include "sim/engine/waits.hpp"
#include "sim/engine/ways.hpp"
#include "sim/engine/wire_kinds.hpp"

namespace towtank {
namespace {

/// Seconds within which events happen together: far below what is modelled, far above the rounding
/// of sums, so that what is equal by symmetry stays so.
constexpr double kInstant = 1e-12;

/// The end of a segment or of a traffic's delay.
struct Occasion {
  double time = 0.0;
  std::uint64_t number = 0;  // what was foretold first comes first, the ends of flows among it
  std::uint32_t operation = Waits::kNone;

  friend bool operator>(const Occasion& a, const Occasion& b) {
    return std::tie(a.time, a.number) > std::tie(b.time, b.number);
  }
};

class Executor {
 public:
  Executor(const OpGraph& graph, const Workload& workload, WireKinds kinds)
      : graph_(graph),
        workload_(workload),
        waits_(find_waits(graph)),
        wire_flows_(wire_flows(graph, workload)),
        clock_(wire_flows_.ways, capacities(graph), std::move(kinds.of_wire), kinds.ports),
        before_(std::move(waits_.before)),
        unfinished_(before_.size(), 0),
        delayed_(before_.size(), false),
        start_(before_.size(), 0.0),
        cause_(before_.size(), -1),
        held_by_(before_.size()),
        bytes_(wire_flows_.ways.count(), 0.0) {
    execution_.completions.reserve(before_.size());
  }

  Execution run();

 private:
  void begin_whatever_waits_for_nothing();
  void begin(std::uint32_t unit);
  void work(std::uint32_t operation);
  void send(std::uint32_t operation);
  void finish_part(std::uint32_t operation);
  void complete(std::uint32_t unit);
  void begin_ready_units();
  void foretell(double time, std::uint32_t operation);
  bool is_flow_next() const;
  double next_time() const;
  void happen();
  void end_operation(std::uint32_t operation);
  void end_flows(int way);
  void note_holder(std::uint32_t owner, int way);
  void account_for_bytes();

  const OpGraph& graph_;
  const Workload& workload_;
  Waits waits_;
  WireFlows wire_flows_;
  FlowClock clock_;
  std::vector<int> before_;                // (units): what has not ended of what they wait for
  std::vector<std::uint32_t> unfinished_;  // (units): segments, delays and flows still to end
  std::vector<bool> delayed_;              // (operations): nothing of its traffic moves yet
  std::vector<double> start_;              // (units)
  std::vector<std::int32_t> cause_;        // (units)
  struct Holder {
    std::int32_t kind = -1;     // of wire
    std::uint32_t instant = 0;  // at which flows that it held down ended last
  };
  std::vector<Holder> held_by_;      // (units)
  std::deque<std::uint32_t> ready_;  // units that nothing holds back
  std::vector<double> bytes_;        // (ways): moved by one flow of each start
  std::priority_queue<Occasion, std::vector<Occasion>, std::greater<>> occasions_;
  std::uint64_t foretold_ = 0;
  std::uint32_t instant_ = 0;  // number of the time now
  double now_ = 0.0;
  Execution execution_;
};

Execution Executor::run() {
  begin_whatever_waits_for_nothing();
  begin_ready_units();
  clock_.settle(now_, foretold_);
  while (!occasions_.empty() || clock_.next() != nullptr) {
    now_ = next_time();
    ++instant_;
    while (next_time() <= now_ + kInstant) {
      happen();
    }
    clock_.settle(now_, foretold_);
  }
  account_for_bytes();
  return std::move(execution_);
}

bool Executor::is_flow_next() const {
  const EndQueue::End* const flow = clock_.next();
  return flow != nullptr &&
         (occasions_.empty() || std::tie(flow->time, flow->number) <
                                    std::tie(occasions_.top().time, occasions_.top().number));
}

/// Infinite when nothing is foretold.
double Executor::next_time() const {
  if (is_flow_next()) {
    return clock_.next()->time;
  }
  return occasions_.empty() ? std::numeric_limits<double>::infinity() : occasions_.top().time;
}

/// What comes next.
void Executor::happen() {
  if (is_flow_next()) {
    end_flows(clock_.next()->way);
  } else {
    const std::uint32_t operation = occasions_.top().operation;
    occasions_.pop();
    end_operation(operation);
  }
  begin_ready_units();
}

void Executor::begin_whatever_waits_for_nothing() {
  for (std::uint32_t operation = 0; operation < before_.size(); ++operation) {
    if (waits_.unit[operation] == operation && before_[operation] == 0) {
      ready_.push_back(operation);
    }
  }
}

void Executor::begin_ready_units() {
  while (!ready_.empty()) {  // beginning one may make others ready
    const std::uint32_t unit = ready_.front();
    ready_.pop_front();
    begin(unit);
  }
}

/// Its operations start. Each counts as unfinished until the last has started, so that none
/// completes the unit alone.
void Executor::begin(std::uint32_t unit) {
  start_[unit] = now_;
  ++unfinished_[unit];
  for (std::uint32_t member = unit; member != Waits::kNone; member = waits_.next[member]) {
    work(member);
  }
  finish_part(unit);
}

void Executor::work(std::uint32_t operation) {
  const Node& node = graph_.dependencies[operation];
  const auto index = static_cast<std::size_t>(node.index);
  if (node.work == Node::Work::kSegment) {
    ++execution_.activities;
    const double slowdown = graph_.ranks[static_cast<std::size_t>(node.rank)].slowdown;
    const double time = workload_.segments[index].si() * slowdown;
    if (time > 0.0) {
      foretell(now_ + time, operation);
    }
    return;
  }
  if (graph_.traffics[index].led_by_another) {
    return;  // the end of the rendezvous is that of the flows
  }
  const double delay = workload_.traffics[index].delay.si();
  if (delay > 0.0) {
    delayed_[operation] = true;
    foretell(now_ + delay, operation);
  } else {
    send(operation);
  }
}

void Executor::foretell(double time, std::uint32_t operation) {
  ++unfinished_[waits_.unit[operation]];
  occasions_.push({.time = time, .number = foretold_++, .operation = operation});
}

void Executor::send(std::uint32_t operation) {
  const auto traffic = static_cast<std::size_t>(graph_.dependencies[operation].index);
  const std::uint32_t unit = waits_.unit[operation];
  execution_.activities += static_cast<std::int64_t>(graph_.traffics[traffic].flows.size());
  for (const WireFlow& flow : wire_flows_.of(traffic)) {
    ++unfinished_[unit];
    bytes_[static_cast<std::size_t>(flow.way)] += flow.bytes;
    clock_.start(flow.way, flow.bytes, operation, now_);
  }
}

void Executor::end_operation(std::uint32_t operation) {
  if (delayed_[operation]) {
    delayed_[operation] = false;
    send(operation);
  }
  finish_part(operation);
}

void Executor::end_flows(int way) {
  for (const std::uint32_t owner : clock_.end(way, now_, kInstant)) {
    note_holder(owner, way);
    finish_part(owner);
  }
}

/// A unit ends with the last of its flows; of several that end together, whatever their order, the
/// kind with the least number counts.
void Executor::note_holder(std::uint32_t owner, int way) {
  const std::uint32_t unit = waits_.unit[owner];
  const auto traffic = static_cast<std::size_t>(graph_.dependencies[owner].index);
  const double since = start_[unit] + workload_.traffics[traffic].delay.si();
  const int kind = clock_.held_most(way, since, now_);
  Holder& holder = held_by_[unit];
  holder.kind = holder.instant == instant_ ? std::min(holder.kind, kind) : kind;
  holder.instant = instant_;
}

void Executor::finish_part(std::uint32_t operation) {
  const std::uint32_t unit = waits_.unit[operation];
  if (--unfinished_[unit] == 0) {
    complete(unit);
  }
}

void Executor::complete(std::uint32_t unit) {
  for (std::uint32_t member = unit; member != Waits::kNone; member = waits_.next[member]) {
    const auto number = static_cast<std::int32_t>(execution_.completions.size());
    execution_.completions.push_back({.vertex = member,
                                      .start = start_[unit],
                                      .end = now_,
                                      .cause = cause_[unit],
                                      .held_by = held_by_[unit].kind});
    for (const std::uint32_t waiter : waits_.waiting_for(member)) {
      cause_[waiter] = number;
      if (--before_[waiter] == 0) {
        ready_.push_back(waiter);
      }
    }
  }
}

void Executor::account_for_bytes() {
  execution_.carried.assign(graph_.wires.size(), 0.0);
  for (std::size_t way = 0; way < bytes_.size(); ++way) {
    for (const Ways::Hop& hop : wire_flows_.ways.of(way)) {
      execution_.carried[static_cast<std::size_t>(hop.wire)] += bytes_[way] * hop.times;
    }
  }
}

}  // namespace

Execution execute(const OpGraph& graph, const Workload& workload) {
  Execution execution = Executor(graph, workload, wire_kinds(graph)).run();
  if (execution.completions.size() < boost::num_vertices(graph.dependencies)) {
    check_graph_finishes(graph);  // says where it hangs
  }
  check(execution.completions.size() == boost::num_vertices(graph.dependencies),
        "every operation of a graph without circular waits runs");
  return execution;
}

}  // namespace towtank
