// A profile's answers, each worked out once: steps, reports and searches ask for the same kernels
// again and again.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "sim/profile/profile.hpp"

namespace towtank {

/// Remembers what estimate() said. The profile must outlive it. Not for use by several threads at
/// once.
class KernelTimes {
 public:
  explicit KernelTimes(const Profile& profile) : profile_(&profile) {}

  const Profile& profile() const { return *profile_; }

  /// estimate(profile(), op, sms), of the default library.
  const Estimate& of(const Op& op, int sms) const;

 private:
  struct Kernel {
    Op op;
    int sms = 0;
    friend bool operator==(const Kernel&, const Kernel&) = default;
  };
  struct Hash {
    std::size_t operator()(const Kernel& kernel) const;
  };
  const Profile* profile_;
  mutable std::unordered_map<Kernel, Estimate, Hash> known_;
};

}  // namespace towtank
