// DualPipe (DeepSeek-V3 report, section 3.2; the eight steps of deepseek-ai/DualPipe).
//
// Micro-batches enter the pipeline from both ends. Direction 0 runs stage r on rank r, direction 1
// runs stage PP-1-r on rank r, so that every rank holds two stages. In the middle of the step a
// forward chunk of one direction is overlapped with a backward chunk of the other.
//
// A rank counts directions from its nearer end: F0 is a forward chunk of the direction that enters
// there, F1 one of the opposite direction.
#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/plan/schedules.hpp"

namespace towtank {

namespace {

/// Writes a rank's program: takes micro-batches of each local direction in order, and delayed
/// weight gradients oldest first.
class Writer {
 public:
  explicit Writer(const std::array<LocalDirection, 2>& local) : local_(local) {}

  void forward(std::size_t d) { program_.push_back({.chunk = next(d, Pass::kForward)}); }
  void backward(std::size_t d) { program_.push_back({.chunk = next(d, Pass::kBackward)}); }
  /// Input gradient alone; its weight gradient is delayed ("zero bubble").
  void backward_input(std::size_t d) {
    delayed_.push_back(next(d, Pass::kBackwardInput));
    program_.push_back({.chunk = delayed_.back()});
  }
  void forward_and_backward(std::size_t forward_d, std::size_t backward_d) {
    program_.push_back({.chunk = next(forward_d, Pass::kForward),
                        .overlapped = next(backward_d, Pass::kBackward)});
  }
  void weight() {
    check(!delayed_.empty(), "a delayed weight gradient is left");
    Chunk chunk = delayed_.front();
    delayed_.pop_front();
    chunk.pass = Pass::kWeight;
    program_.push_back({.chunk = chunk});
  }
  const Program& program() const { return program_; }

 private:
  Chunk next(std::size_t d, Pass pass) {
    int& count = pass == Pass::kForward ? forwards_[d] : backwards_[d];
    return {.pass = pass,
            .direction = local_[d].direction,
            .stage = local_[d].stage,
            .micro_batch = count++};
  }

  std::array<LocalDirection, 2> local_;
  std::array<int, 2> forwards_ = {};
  std::array<int, 2> backwards_ = {};
  std::deque<Chunk> delayed_;
  Program program_;
};

}  // namespace

Program dualpipe_program(const DualPipePosition& position,
                         const std::array<LocalDirection, 2>& local) {
  const int h = position.distance;
  const int to_middle = position.half - h - 1;
  const bool is_middle = to_middle == 0;
  Writer rank(local);
  // Step 1: nF0
  for (int i = 0; i < 2 * to_middle; ++i) {
    rank.forward(0);
  }
  // Step 2: nF0F1
  for (int i = 0; i < h + 1; ++i) {
    rank.forward(0);
    rank.forward(1);
  }
  // Step 3: nB1W1F1, with zero bubble
  for (int i = 0; i < to_middle; ++i) {
    rank.backward_input(1);
    rank.weight();
    rank.forward(1);
  }
  // Step 4, the main step: nF0B1F1B0. The middle ranks do not overlap their first two chunks, which
  // shortens the bubble.
  for (int i = 0; i < position.micro_batches - 2 * position.half + h + 1; ++i) {
    if (is_middle && i == 0) {
      rank.forward(0);
      rank.backward(1);
    } else {
      rank.forward_and_backward(0, 1);
    }
    rank.forward_and_backward(1, 0);
  }
  // Step 5: nB1F1B0
  for (int i = 0; i < to_middle; ++i) {
    rank.backward(1);
    rank.forward_and_backward(1, 0);
  }
  // Step 6: nB1B0, the second half of these 2(h+1) chunks with zero bubble
  for (int i = 0; i < 2 * (h + 1); ++i) {
    const std::size_t direction = i % 2 == 0 ? 1 : 0;
    if (i < h + 1) {
      rank.backward(direction);
    } else {
      rank.backward_input(direction);
    }
  }
  // Step 7: nWB0, with zero bubble
  for (int i = 0; i < to_middle; ++i) {
    rank.weight();
    rank.backward_input(0);
  }
  // Step 8: nW
  for (int i = 0; i < h + 1; ++i) {
    rank.weight();
  }
  return rank.program();
}

std::optional<std::string> dualpipe_problem(const ScheduleSize& size) {
  if (size.ranks % 2 != 0) {
    const std::string choice = size.ranks == 1
                                   ? std::string("2")
                                   : fmt::format("{} or {}", size.ranks - 1, size.ranks + 1);
    return fmt::format(
        "DualPipe needs an even number of pipeline ranks, found {}; use {}", size.ranks, choice);
  }
  if (size.micro_batches < 2 * size.ranks) {
    return fmt::format(
        "DualPipe needs at least twice as many micro-batches as pipeline ranks, found {} for {} "
        "ranks; use {} or more",
        size.micro_batches,
        size.ranks,
        2 * size.ranks);
  }
  if (size.micro_batches % 2 != 0) {
    return fmt::format(
        "DualPipe needs an even number of micro-batches, half of them for each direction, found "
        "{}; use {} or {}",
        size.micro_batches,
        size.micro_batches - 1,
        size.micro_batches + 1);
  }
  return {};
}

Schedule dualpipe(const ScheduleSize& size) {
  Schedule schedule{.kind = ScheduleKind::kDualPipe,
                    .stages = size.ranks,
                    .directions = 2,
                    .micro_batches = size.micro_batches};
  for (int rank = 0; rank < size.ranks; ++rank) {
    const LocalDirection down = {.direction = 0, .stage = rank};
    const LocalDirection up = {.direction = 1, .stage = size.ranks - 1 - rank};
    const bool first_half = rank < size.ranks / 2;
    schedule.programs.push_back(
        dualpipe_program({.half = size.ranks / 2,
                          .distance = std::min(rank, size.ranks - 1 - rank),
                          .micro_batches = size.micro_batches / 2},
                         first_half ? std::array{down, up} : std::array{up, down}));
  }
  return schedule;
}

}  // namespace towtank
