// The ends that are foretold, the next on top; each can be moved as soon as it is known better.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace towtank {

/// At most one end for each of a number of ways. A heap of four children a node, which knows where
/// each way stands: when all ends move a little, as they do when one of many unlike flows ends,
/// nearly none changes its place.
class EndQueue {
 public:
  explicit EndQueue(std::size_t ways) : place_(ways, kNowhere) {}

  struct End {
    double time = 0.0;
    std::uint64_t number = 0;  // of ends at the same time the one of the least number is next
    int way = 0;
  };

  bool empty() const { return heap_.empty(); }
  const End& top() const { return heap_.front(); }

  /// Whatever was foretold for `end.way` before does not count.
  void foretell(const End& end);

  /// No end is foretold for `way` any more; none need have been.
  void forget(int way);

 private:
  static constexpr std::uint32_t kNowhere = 0xFFFFFFFF;

  void put(std::size_t place, const End& end);
  void rise(std::size_t place, const End& end);
  void sink(std::size_t place, const End& end);
  void move(std::size_t place, const End& end);

  std::vector<End> heap_;
  std::vector<std::uint32_t> place_;  // (ways): in the heap
};

}  // namespace towtank
