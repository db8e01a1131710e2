// The rows of one kernel's table as a fit sees them: places, times, and the sites they lie on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/model/op.hpp"
#include "sim/profile/axis.hpp"
#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/fit/separable.hpp"
#include "sim/profile/gpu.hpp"
#include "sim/profile/sample.hpp"

namespace towtank {

/// Rows of one key. Rows at the same place are one, at the median of their times.
struct FitRows {
  KernelKey key;
  std::vector<Axis> axes;
  std::vector<std::size_t> widths;  // (directions) of places
  int sms = 0;                      // of all rows; 0: all of the GPU, or an axis
  std::vector<double> at;           // (rows x axes)
  std::vector<Op> ops;              // (rows) one of those at the place
  std::vector<double> times;        // (rows), s
  std::vector<double> repeats;      // relative differences between rows that became one
  std::int64_t measured = 0;        // rows before those at the same place became one

  std::size_t count() const { return times.size(); }
  std::span<const double> place(std::size_t row) const {
    return std::span(at).subspan(row * axes.size(), axes.size());
  }
};

/// The samples by key, in order of first appearance.
std::vector<FitRows> rows_by_key(const std::vector<Sample>& samples, const Gpu& gpu);

/// The distinct places of the rows along every direction. Of a direction of one size only those
/// that meet enough places of the other directions, and of more than `most` an even choice.
std::vector<Sites> sites_of(const FitRows& rows, std::size_t most);

/// The nearest number to a coordinate that is written and read back exactly: log2 of a size of at
/// most nine digits (sizes themselves for axes that do not count in doublings).
double written_coordinate(Axis axis, double coordinate);

/// The size at a coordinate, and back.
double size_at(Axis axis, double coordinate);
double coordinate_of_size(Axis axis, double size);

}  // namespace towtank
