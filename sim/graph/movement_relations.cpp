#include "sim/graph/movement_relations.hpp"

#include <utility>

#include "sim/base/error.hpp"
#include "sim/graph/added_streams.hpp"
#include "sim/graph/exchange_relations.hpp"
#include "sim/graph/relation_book.hpp"

namespace towtank {
namespace {

class RelationWriter {
 public:
  explicit RelationWriter(MovementJob& job) : job_(job), book_(job), exchanges_(book_) {}

  MovementRelations write() {
    for (std::size_t group = 0; group < job_.groups().size(); ++group) {
      write_group(group);
    }
    RelationBook::Written written = book_.finish([this] { exchanges_.write_ways_left_out(); });
    return {.relations = std::move(written.relations),
            .rank = std::move(written.rank),
            .can_be_full = std::move(written.can_be_full),
            .same_ways = exchanges_.take_same_ways()};
  }

 private:
  void write_group(std::size_t group) {
    const GroupMovement& moved = job_.groups()[group];
    const int together = book_.new_group();
    for (int i = 0; i < static_cast<int>(moved.members.size()); ++i) {
      book_.join(
          book_.label(Relation::kTogether, 0, 0.0, moved.kind), together, book_.thing(group, i));
    }
    for (std::size_t phase = 0; phase < moved.movement.phases.size(); ++phase) {
      write_phase(group, phase);
    }
    for (const HostCopy& copy : moved.movement.host_copies) {
      write_host_copy(group, copy);
    }
  }

  void write_phase(std::size_t group, std::size_t phase) {
    for (const Convoy& convoy : job_.convoys(group, phase)) {
      write_convoy(group, phase, convoy);
    }
    const MovementPhase& moved = job_.groups()[group].movement.phases[phase];
    for (const Delivery& delivery : moved.deliveries) {
      if (delivery.convoy == kByItself) {
        write_pair(group, phase, delivery);
      }
    }
    for (const Exchange& exchange : moved.exchanges) {
      exchanges_.write(group, phase, exchange);
    }
  }

  void write_convoy(std::size_t group, std::size_t phase, const Convoy& convoy) {
    const int number = book_.new_group();
    const double part = convoy.part.si();
    const int medium = static_cast<int>(convoy.medium);
    for (const MemberParts& parts : parts_of_members(convoy)) {
      book_.join(book_.label(Relation::kConvoy, phase, part, medium, parts.sent, parts.received),
                 number,
                 book_.thing(group, parts.member));
    }
    if (job_.fabric() != nullptr && convoy.medium == Medium::kNic) {
      write_legs(group, phase, convoy, number);
      write_added_streams(group, phase, convoy, number);
    }
  }

  /// The ways from member to member.
  void write_legs(std::size_t group, std::size_t phase, const Convoy& convoy, int number) {
    for (const Convoy::Leg& leg : convoy.legs) {
      if (leg.from < 0 || leg.to < 0) {
        continue;
      }
      const int from = book_.thing(group, leg.from);
      const int to = book_.thing(group, leg.to);
      book_.send({.label = book_.label(Relation::kConvoyLeg, phase, convoy.part.si()),
                  .from = from,
                  .to = to,
                  .group = number});
      book_.follow(from, to, leg.parts);
    }
  }

  /// One sending for each stream: the convoy's wires are what matters, not whose they are.
  void write_added_streams(std::size_t group, std::size_t phase, const Convoy& convoy, int number) {
    for (const AddedStream& stream : added_streams(convoy)) {
      const int root = book_.thing(group, stream.members.front());
      book_.send({.label = book_.label(Relation::kAddedStream, phase, convoy.part.si()),
                  .from = root,
                  .to = root,
                  .group = number});
      book_.follow_added_stream(job_.gpus_of(group, stream.members), stream.parts);
    }
  }

  void write_pair(std::size_t group, std::size_t phase, const Delivery& delivery) {
    check(delivery.from >= 0 && delivery.to >= 0, "what a switch adds or copies is a convoy");
    const int from = book_.thing(group, delivery.from);
    const int to = book_.thing(group, delivery.to);
    const int medium = static_cast<int>(delivery.medium);
    book_.send({.label = book_.label(Relation::kPair, phase, delivery.bytes.si(), medium),
                .from = from,
                .to = to});
    if (job_.fabric() != nullptr && delivery.medium == Medium::kNic) {
      book_.follow(from, to, 1);
    }
  }

  void write_host_copy(std::size_t group, const HostCopy& copy) {
    check(job_.fabric() != nullptr, "copies to a host's memory cross a PCIe that is described");
    const int thing = book_.thing(group, copy.member);
    book_.send({.label = book_.label(Relation::kHostCopy, 0, copy.bytes.si(), copy.to_host ? 1 : 0),
                .from = thing,
                .to = thing});
    book_.follow_host_copy(job_.gpu(job_.rank(group, copy.member)),
                           copy.to_host ? PortSide::kOut : PortSide::kIn);
  }

  MovementJob& job_;
  RelationBook book_;
  ExchangeRelations exchanges_;
};

}  // namespace

MovementRelations movement_relations(MovementJob& job) {
  return RelationWriter(job).write();
}

}  // namespace towtank
