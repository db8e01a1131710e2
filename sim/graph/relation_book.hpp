// Writes down how the ranks of a job's movements are related: things, labels, who is in what, and
// the ways of what is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/graph/movement_job.hpp"
#include "sim/graph/rank_classes.hpp"

namespace towtank {

/// Kinds of relations.
enum class Relation {
  kTogether,      // members of a group
  kConvoy,        // who keep one pace, and how many parts their ports carry
  kConvoyLeg,     // the way of one link of it
  kAddedStream,   // the ways of what switches add up for it
  kPair,          // one delivery by itself
  kHostCopy,      // to or from a host's memory
  kExchange,      // everybody to everybody
  kOwnNode,       // whom an exchange leaves out
  kBehindSender,  // a leaf switch and the members behind it
  kBehindReceiver,
  kSwitchToSwitch,  // the ways of what they send
  kLeftOut,         // ways that nothing of an exchange takes
};

/// Things are the job's ranks and whatever else is related to them.
class RelationBook {
 public:
  explicit RelationBook(MovementJob& job);

  MovementJob& job() { return job_; }

  /// The thing that is a group's member.
  int thing(std::size_t group, int member) const;

  /// A thing that is no rank: all the members of an exchange behind one leaf switch. What they may
  /// send and receive is added up by count_in().
  int add_switch();
  void count_in(int switch_thing, int member_thing);

  int new_group() { return relations_.groups++; }

  /// Tells relations of different kinds, phases, sizes and further properties apart.
  int label(Relation relation, std::size_t phase, double bytes, int a = 0, int b = 0, int c = 0);
  void join(int label, int group, int thing);

  /// Throws InputError when there are more than kMostPairs over a fabric.
  void send(const RankRelations::Sending& sending);

  /// The ways of the last sending, `times` over: from one thing, that is a rank, to another; from
  /// one GPU to another; of a stream that switches add up; of a copy to or from a host.
  void follow(int from, int to, int times);
  void follow_gpus(int from_gpu, int to_gpu, int times);
  void follow_added_stream(std::span<const int> gpus, int times);
  void follow_host_copy(int gpu, PortSide side);

  struct Written {
    RankRelations relations;
    std::vector<int> rank;          // (things): a rank of the job, or -1
    std::vector<bool> can_be_full;  // (wires of the fabric)
  };

  /// All there is so far, with the wires; those that can never be full cross nothing.
  /// `write_rest` is called when all wires are known whose fullness counts, to write down more
  /// ways.
  template <typename WriteRest>
  Written finish(WriteRest write_rest) {
    note_ranks();
    note_wires();
    write_rest();
    return leave_out_wires();
  }

 private:
  void note_ranks();
  int add_thing(int rank, std::uint64_t attribute);
  std::uint64_t attribute(double nvlink, double nic);
  void cross(const FabricPath& path, int times);
  void note_wires();
  Written leave_out_wires();

  MovementJob& job_;
  std::map<int, const GpuFault*> fault_of_;
  std::map<std::pair<double, double>, std::uint64_t> attributes_;
  std::map<std::tuple<int, std::size_t, double, int, int, int>, int> labels_;
  std::vector<int> index_of_;      // (ranks of the job): their things
  std::vector<Bandwidth> ports_;   // four of each thing, see ports.hpp
  std::vector<int> rank_;          // (things)
  std::vector<int> beside_ports_;  // wires that something crosses which passes no port
  std::vector<bool> can_be_full_;
  RankRelations relations_;
};

}  // namespace towtank
