// Runs a function in a child process that hands its result back as bytes.
//
// A crash, an abort or a memory hog in the child becomes an exception in the parent.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/base/error.hpp"

namespace towtank {

/// Calls `work` in a forked child and returns what it returned. BrokenClaim and EnvironmentError
/// thrown by `work` are thrown here again with the same text; any other exception is a BrokenClaim,
/// running out of memory an EnvironmentError; a child that dies is an EnvironmentError that names
/// its signal. The child leaves through _exit: it flushes no stream and runs no exit handler.
std::string run_in_worker(const std::function<std::string()>& work);

/// Appends a vector of plain data to a message: its length, then its bytes.
template <typename T>
void append_plain(std::string& message, const std::vector<T>& items) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t count = items.size();
  message.append(reinterpret_cast<const char*>(&count), sizeof(count));
  message.append(reinterpret_cast<const char*>(items.data()), count * sizeof(T));
}

/// Takes a vector written by append_plain() off `message` at `offset`, and moves `offset` behind
/// it.
template <typename T>
std::vector<T> take_plain(const std::string& message, std::size_t& offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::size_t count = 0;
  check(message.size() - offset >= sizeof(count), "a message holds the length of its next vector");
  std::memcpy(&count, message.data() + offset, sizeof(count));
  offset += sizeof(count);
  check((message.size() - offset) / sizeof(T) >= count, "a message holds its whole vector");
  std::vector<T> items(count);
  if (count > 0) {
    std::memcpy(items.data(), message.data() + offset, count * sizeof(T));
  }
  offset += count * sizeof(T);
  return items;
}

}  // namespace towtank
