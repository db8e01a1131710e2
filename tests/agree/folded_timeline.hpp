// A folded timeline held against that of all ranks, event by event and wire by wire.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/graph/job_layout.hpp"
#include "tests/agree/simulated_step.hpp"

namespace towtank {

/// Both ways to simulate a step, and which class each rank belongs to.
class FoldedAndWhole {
 public:
  explicit FoldedAndWhole(const SmallStep& step, const Profile& profile = datasheet())
      : folded_(simulate_step(step, Folding::kFolded, profile, 20)),
        whole_(simulate_step(step, Folding::kUnfolded, profile, 20)),
        classes_(step.lay_out(Folding::kFolded, profile).classes.ranks) {}

  /// Of ranks that were simulated both ways.
  FoldedAndWhole(Timeline folded, Timeline whole, Partition classes)
      : folded_(std::move(folded)), whole_(std::move(whole)), classes_(std::move(classes)) {}

  const Timeline& folded() const { return folded_; }
  const Timeline& whole() const { return whole_; }
  const Partition& classes() const { return classes_; }

  /// Every event of every rank starts and ends when its class's does.
  void expect_same_events() const {
    EXPECT_NEAR(folded_.end.si(), whole_.end.si(), kExact * whole_.end.si());
    std::vector<Streams> of_class = streams(folded_);
    const std::vector<Streams> of_rank = streams(whole_);
    for (std::size_t rank = 0; rank < of_rank.size(); ++rank) {
      const auto its_class = static_cast<std::size_t>(classes_.class_of[rank]);
      const bool mirror = whole_.ranks[rank].pipeline != folded_.ranks[its_class].pipeline;
      for (int kind = 0; kind < kStreamKinds; ++kind) {
        const auto stream = static_cast<StreamKind>(kind);
        SCOPED_TRACE(testing::Message() << "rank " << rank << ", " << name(stream));
        expect_alike(of_class[its_class][static_cast<std::size_t>(stream)],
                     of_rank[rank][static_cast<std::size_t>(mirror ? mirrored(stream) : stream)]);
        if (testing::Test::HasFailure()) {
          return;
        }
      }
    }
  }

  /// Every port of every rank carries what its class's does.
  void expect_same_loads() const {
    std::map<std::pair<int, std::string>, double> carried;
    for (const LinkUse& of_class : folded_.links) {
      carried[{of_class.rank, of_class.name}] = of_class.carried.si();
    }
    for (const LinkUse& use : whole_.links) {
      if (use.rank >= 0) {
        const int its_class = classes_.class_of[static_cast<std::size_t>(use.rank)];
        const double expected = carried.at({its_class, use.name});
        EXPECT_NEAR(expected, use.carried.si(), kExact * use.carried.si()) << use.name;
      }
    }
  }

 private:
  static constexpr double kExact = 1e-9;  // of the step: flows are whole bytes

  using Streams = std::array<std::vector<Event>, kStreamKinds>;

  /// The stream of a rank that runs its pipeline mirrored, as its class's representative knows it.
  static StreamKind mirrored(StreamKind stream) {
    switch (stream) {
      case StreamKind::kNext:
        return StreamKind::kPrevious;
      case StreamKind::kPrevious:
        return StreamKind::kNext;
      default:
        return stream;
    }
  }

  /// The events of each stream of each rank. The gradient norm, which one rank notes for all and
  /// which takes no time, is left out.
  static std::vector<Streams> streams(const Timeline& timeline) {
    std::vector<Streams> result(timeline.ranks.size());
    for (const Event& event : timeline.events) {
      if (timeline.labels[static_cast<std::size_t>(event.label)].name != "gradient norm") {
        result[static_cast<std::size_t>(event.rank)][static_cast<std::size_t>(event.stream)]
            .push_back(event);
      }
    }
    return result;
  }

  const std::string& label(const Timeline& timeline, const Event& event) const {
    return timeline.labels[static_cast<std::size_t>(event.label)].name;
  }

  /// What a segment's time is due to, and what held a transfer down. Wires of the fabric that carry
  /// the same are one for the router, which of them it keeps may differ.
  static std::string causes(const Timeline& timeline, const Event& event) {
    std::string text;
    for (const Share& share : timeline.labels[static_cast<std::size_t>(event.label)].shares) {
      const bool on_port = share.cause.starts_with("nic ") || share.cause.starts_with("nvlink ");
      const bool computes = event.stream == StreamKind::kCompute;
      text += (on_port || computes ? share.cause : "a wire of the fabric") + ", ";
    }
    return text;
  }

  void expect_alike(const std::vector<Event>& folded, const std::vector<Event>& whole) const {
    ASSERT_EQ(folded.size(), whole.size());
    for (std::size_t i = 0; i < folded.size(); ++i) {
      ASSERT_EQ(label(folded_, folded[i]), label(whole_, whole[i]));
      ASSERT_EQ(causes(folded_, folded[i]), causes(whole_, whole[i]));
      ASSERT_NEAR(folded[i].start, whole[i].start, kExact * whole_.end.si());
      ASSERT_NEAR(folded[i].end, whole[i].end, kExact * whole_.end.si());
    }
  }

  Timeline folded_;
  Timeline whole_;
  Partition classes_;
};

/// Expects the steps that `make` gives for the seeds to be the same folded and not, up to the first
/// that is not. Those that are none, or cannot be built (InputError), are left out. Returns how
/// many were compared.
template <typename Make>
int steps_that_fold(unsigned first_seed,
                    unsigned end_seed,
                    Make make,
                    const Profile& profile = datasheet()) {
  int compared = 0;
  for (unsigned seed = first_seed; seed < end_seed && !testing::Test::HasFailure(); ++seed) {
    const std::optional<SmallStep> step = make(seed);
    if (!step) {
      continue;
    }
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, step->text()));
    try {
      const FoldedAndWhole both(*step, profile);
      both.expect_same_events();
      both.expect_same_loads();
      ++compared;
    } catch (const InputError&) {
      continue;
    }
  }
  return compared;
}

}  // namespace towtank
