#include "sim/engine/simgrid/execute.hpp"

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include <simgrid/s4u.hpp>

#include "sim/base/error.hpp"
#include "sim/engine/deadlock.hpp"
#include "sim/engine/simgrid/platform.hpp"
#include "sim/engine/simgrid/worker.hpp"
#include "sim/engine/waits.hpp"

namespace towtank {
namespace {

namespace sg = simgrid::s4u;

/// A flow ready to be sent: SimGrid counts whole bytes.
struct Shipment {
  Route route;
  std::uint64_t bytes = 0;
};

/// Operations that start together and end together. A member is at the gate when everything it
/// waits for has ended, and at the exit when its own work is done.
struct Rendezvous {
  int members = 0;
  int at_gate = 0;
  int at_exit = 0;
  std::vector<sg::Actor*> waiting;
};

/// The state that the actors share. SimGrid runs them one at a time, so nothing is guarded.
class Executor {
 public:
  Executor(const OpGraph& graph, const Workload& workload, const Platform& platform);

  void start_actors(const Platform& platform);

  /// The record of what ran; to be called once, after the engine has stopped.
  Execution take_execution() { return std::move(execution_); }

 private:
  void run_stream(const std::vector<Vertex>& stream);
  void wait_for_dependencies(Vertex vertex);
  void meet(Rendezvous& rendezvous, int Rendezvous::*arrived);
  void work(const Node& node);
  void send(std::size_t traffic);
  void release_successors(Vertex vertex);

  const OpGraph& graph_;
  const Workload& workload_;
  std::vector<std::vector<Shipment>> shipments_;  // per traffic
  std::vector<int> pending_;                      // dependencies that have not ended, per vertex
  std::vector<sg::Actor*> blocked_;               // the actor suspended before a vertex, or null
  std::map<int, Rendezvous> rendezvous_;
  Execution execution_;
};

Executor::Executor(const OpGraph& graph, const Workload& workload, const Platform& platform)
    : graph_(graph),
      workload_(workload),
      pending_(boost::num_vertices(graph.dependencies), 0),
      blocked_(boost::num_vertices(graph.dependencies), nullptr) {
  shipments_.reserve(graph.traffics.size());
  for (std::size_t traffic = 0; traffic < graph.traffics.size(); ++traffic) {
    const std::vector<Flow>& flows = graph.traffics[traffic].flows;
    std::vector<Shipment>& shipments = shipments_.emplace_back();
    shipments.reserve(flows.size());
    for (std::size_t flow = 0; flow < flows.size(); ++flow) {
      const Bytes bytes = workload.traffics[traffic].flows[flow];
      shipments.push_back({.route = platform.route(flows[flow]),
                           .bytes = static_cast<std::uint64_t>(std::llround(bytes.si()))});
    }
  }
  for (const auto& edge : boost::make_iterator_range(boost::edges(graph.dependencies))) {
    ++pending_[boost::target(edge, graph.dependencies)];
  }
  for (const Vertex vertex : boost::make_iterator_range(boost::vertices(graph.dependencies))) {
    const int rendezvous = graph.dependencies[vertex].rendezvous;
    if (rendezvous >= 0) {
      ++rendezvous_[rendezvous].members;
    }
  }
  execution_.completions.reserve(pending_.size());
  execution_.carried.resize(graph.wires.size(), 0.0);
}

void Executor::start_actors(const Platform& platform) {
  for (const auto& streams : graph_.streams) {
    for (const std::vector<Vertex>& stream : streams) {
      if (!stream.empty()) {
        sg::Actor::create("stream", platform.home(), [this, &stream] { run_stream(stream); });
      }
    }
  }
}

void Executor::run_stream(const std::vector<Vertex>& stream) {
  for (const Vertex vertex : stream) {
    const Node& node = graph_.dependencies[vertex];
    wait_for_dependencies(vertex);
    Rendezvous* const rendezvous =
        node.rendezvous >= 0 ? &rendezvous_.at(node.rendezvous) : nullptr;
    if (rendezvous != nullptr) {
      meet(*rendezvous, &Rendezvous::at_gate);
    }
    const double start = sg::Engine::get_clock();
    work(node);
    if (rendezvous != nullptr) {
      meet(*rendezvous, &Rendezvous::at_exit);
    }
    execution_.completions.push_back({.vertex = static_cast<std::int64_t>(vertex),
                                      .start = start,
                                      .end = sg::Engine::get_clock()});
    release_successors(vertex);
  }
}

void Executor::wait_for_dependencies(Vertex vertex) {
  if (pending_[vertex] > 0) {
    blocked_[vertex] = sg::Actor::self();
    sg::this_actor::suspend();
  }
}

/// The last member to arrive wakes the others.
void Executor::meet(Rendezvous& rendezvous, int Rendezvous::*arrived) {
  if (++(rendezvous.*arrived) < rendezvous.members) {
    rendezvous.waiting.push_back(sg::Actor::self());
    sg::this_actor::suspend();
    return;
  }
  for (sg::Actor* const member : std::exchange(rendezvous.waiting, {})) {
    member->resume();
  }
}

void Executor::work(const Node& node) {
  const auto index = static_cast<std::size_t>(node.index);
  if (node.work == Node::Work::kTraffic) {
    send(index);
    return;
  }
  const double slowdown = graph_.ranks[static_cast<std::size_t>(node.rank)].slowdown;
  if (workload_.segments[index] > Seconds()) {
    sg::this_actor::sleep_for(workload_.segments[index].si() * slowdown);
  }
  ++execution_.activities;
}

void Executor::send(std::size_t traffic) {
  if (graph_.traffics[traffic].led_by_another) {
    return;  // the end of the rendezvous is that of the flows
  }
  const std::vector<Shipment>& shipments = shipments_[traffic];
  if (workload_.traffics[traffic].delay > Seconds()) {
    sg::this_actor::sleep_for(workload_.traffics[traffic].delay.si());
  }
  std::vector<sg::CommPtr> under_way;
  under_way.reserve(shipments.size());
  for (const Shipment& shipment : shipments) {
    if (shipment.bytes > 0) {
      under_way.push_back(
          sg::Comm::sendto_async(shipment.route.from, shipment.route.to, shipment.bytes));
    }
  }
  for (const sg::CommPtr& flow : under_way) {
    flow->wait();
  }
  for (std::size_t flow = 0; flow < shipments.size(); ++flow) {
    for (const Hop& hop : graph_.traffics[traffic].flows[flow].hops) {
      execution_.carried[static_cast<std::size_t>(hop.wire)] +=
          static_cast<double>(shipments[flow].bytes) * hop.times;
    }
  }
  execution_.activities += static_cast<std::int64_t>(shipments.size());
}

void Executor::release_successors(Vertex vertex) {
  for (const auto& edge :
       boost::make_iterator_range(boost::out_edges(vertex, graph_.dependencies))) {
    const Vertex successor = boost::target(edge, graph_.dependencies);
    if (--pending_[successor] == 0 && blocked_[successor] != nullptr) {
      blocked_[successor]->resume();
    }
  }
}

/// Fluid max-min sharing: CM02 without TCP's window limit and without the traffic of
/// acknowledgements. SimGrid takes events within its time precision as simultaneous, so it is set
/// far below the nanosecond that is its default. Stacks are small because actors call nothing deep.
/// SimGrid itself stays silent.
std::vector<std::string> engine_arguments() {
  return {"towtank",
          "--log=root.thresh:critical",
          "--log=no_loc",
          "--cfg=network/model:CM02",
          "--cfg=network/TCP-gamma:0",
          "--cfg=network/crosstraffic:0",
          "--cfg=surf/precision:1e-12",
          "--cfg=maxmin/precision:1e-9",
          "--cfg=contexts/factory:raw",
          "--cfg=contexts/stack-size:64"};
}

/// SimGrid takes its options from a command line only.
class QuietEngine {
 public:
  QuietEngine() : engine_(&count_, pointers_.data()) {}
  void run() { engine_.run(); }

 private:
  static std::vector<char*> pointers_to(std::vector<std::string>& arguments) {
    std::vector<char*> pointers;
    pointers.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) {
      pointers.push_back(argument.data());
    }
    pointers.push_back(nullptr);
    return pointers;
  }

  std::vector<std::string> arguments_ = engine_arguments();
  std::vector<char*> pointers_ = pointers_to(arguments_);
  int count_ = static_cast<int>(arguments_.size());
  sg::Engine engine_;
};

Execution run_here(const OpGraph& graph, const Workload& workload) {
  QuietEngine engine;
  const Platform platform(graph);
  Executor executor(graph, workload, platform);
  executor.start_actors(platform);
  engine.run();
  return executor.take_execution();
}

std::string to_message(const Execution& execution) {
  std::string message;
  append_plain(message, execution.completions);
  append_plain(message, execution.carried);
  append_plain(message, std::vector<std::int64_t>{execution.activities});
  return message;
}

Execution from_message(const std::string& message) {
  std::size_t offset = 0;
  Execution execution;
  execution.completions = take_plain<Completion>(message, offset);
  execution.carried = take_plain<double>(message, offset);
  execution.activities = take_plain<std::int64_t>(message, offset).at(0);
  return execution;
}

/// Each completion learns the last among those of its dependencies and its stream's previous
/// operation; of a rendezvous, the last among those of all its members.
void find_causes(const OpGraph& graph, std::vector<Completion>& completions) {
  const Waits waits = find_waits(graph);
  std::vector<std::int32_t> cause(completions.size(), -1);  // (units)
  for (std::size_t number = 0; number < completions.size(); ++number) {
    const auto operation = static_cast<std::size_t>(completions[number].vertex);
    for (const std::uint32_t waiter : waits.waiting_for(operation)) {
      cause[waiter] = static_cast<std::int32_t>(number);
    }
  }
  for (Completion& completion : completions) {
    completion.cause = cause[waits.unit[static_cast<std::size_t>(completion.vertex)]];
  }
}

}  // namespace

Execution execute_on_simgrid(const OpGraph& graph, const Workload& workload) {
  check_graph_finishes(graph);
  if (std::ranges::any_of(graph.wires, &Wire::payload)) {
    throw InputError({.file = "--engine simgrid"},
                     "SimGrid takes whole shares of a wire, and PCIe carries the payload of them",
                     "leave out --engine simgrid, or cluster.fabric.pcie");
  }
  Execution execution =
      from_message(run_in_worker([&] { return to_message(run_here(graph, workload)); }));
  check(execution.completions.size() == boost::num_vertices(graph.dependencies),
        "every operation of a graph without circular waits runs");
  find_causes(graph, execution.completions);
  return execution;
}

}  // namespace towtank
