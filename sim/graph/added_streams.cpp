#include "sim/graph/added_streams.hpp"

#include <cstddef>
#include <map>
#include <utility>

#include "sim/base/error.hpp"

namespace towtank {

std::vector<AddedStream> added_streams(const Convoy& convoy) {
  std::map<int, AddedStream, std::greater<>> streams;  // by their switches: rails ascending
  std::map<int, std::size_t> copies;
  for (const Convoy::Leg& leg : convoy.legs) {
    const bool up = is_network_switch(leg.to);
    if (!up && !is_network_switch(leg.from)) {
      continue;
    }
    AddedStream& stream = streams[up ? leg.to : leg.from];
    check(stream.parts == 0 || stream.parts == leg.parts, "members of a rail send equally much");
    stream.parts = leg.parts;
    if (up) {
      stream.members.push_back(leg.from);
    } else {
      ++copies[leg.from];
    }
  }
  std::vector<AddedStream> result;
  result.reserve(streams.size());
  for (auto& [rail, stream] : streams) {
    check(copies[rail] == stream.members.size(), "what is added goes back to all");
    result.push_back(std::move(stream));
  }
  return result;
}

bool can_add_up(const Movement& movement, const std::vector<Member>& members, FabricWires& fabric) {
  try {
    for (const MovementPhase& phase : movement.phases) {
      for (const Convoy& convoy : convoys(phase)) {
        for (const AddedStream& stream : added_streams(convoy)) {
          std::vector<int> gpus;
          gpus.reserve(stream.members.size());
          for (const int member : stream.members) {
            gpus.push_back(members[static_cast<std::size_t>(member)].gpu);
          }
          fabric.added_up(gpus);
        }
      }
    }
  } catch (const InputError&) {
    return false;
  }
  return true;
}

}  // namespace towtank
