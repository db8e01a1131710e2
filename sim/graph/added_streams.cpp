#include "sim/graph/added_streams.hpp"

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

}  // namespace towtank
