#include "tools/profile_measurements.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "sim/base/error.hpp"
#include "sim/profile/dates.hpp"
#include "sim/profile/tables/kernel_map.hpp"
#include "sim/profile/tables/kineto.hpp"
#include "sim/profile/tables/own_measurements.hpp"
#include "sim/profile/tables/read_table.hpp"
#include "sim/profile/tables/text_file.hpp"

namespace towtank {
namespace {

/// The day on which a file was last changed (UTC).
std::string day_of_change(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    throw EnvironmentError(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  }
  std::tm day = {};
  gmtime_r(&status.st_mtime, &day);
  return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

Measurements own(const std::string& text, const std::string& path) {
  OwnMeasurements read = read_own_measurements(text, path);
  return {.table = std::move(read.table),
          .date = read.date,
          .source = read.source,
          .single = true,
          .spreads = std::move(read.spreads),
          .mapped = {},
          .unmapped = {},
          .unmapped_kernels = {}};
}

UnmappedKernel unmapped(const KernelTime& kernel) {
  return {.name = kernel.name, .calls = kernel.kernels, .time = kernel.time, .why = kernel.why};
}

Measurements traced(const std::string& text, const std::string& path, const std::string& map) {
  KinetoReading read = read_kineto(text, path, read_kernel_map(map));
  Measurements measurements{.table = std::move(read.table),
                            .date = {},
                            .source = {},
                            .single = true,
                            .spreads = {},
                            .mapped = read.mapped,
                            .unmapped = read.total - read.mapped,
                            .unmapped_kernels = {}};
  std::vector<UnmappedKernel>& kernels = measurements.unmapped_kernels;
  std::ranges::transform(read.unmapped, std::back_inserter(kernels), unmapped);
  std::ranges::transform(read.shapeless, std::back_inserter(kernels), unmapped);
  std::ranges::stable_sort(kernels, std::ranges::greater{}, &UnmappedKernel::time);
  return measurements;
}

}  // namespace

Measurements read_measurements(const std::string& path, const MeasurementOptions& options) {
  const std::string text = read_text_file(path);
  Measurements measurements;
  if (looks_like_own_measurements(text)) {
    measurements = own(text, path);
  } else if (looks_like_kineto(text)) {
    measurements = traced(text, path, options.kernel_map);
  } else {
    measurements.table = read_table_text(text, path);
  }
  if (!options.source.empty()) {
    measurements.source = options.source;
  }
  if (!options.date.empty()) {
    if (!is_date(options.date)) {
      throw InputError({.file = "--date " + options.date},
                       "not a date",
                       "write it like 2025-02-28, 2025-02 or 2025");
    }
    measurements.date = options.date;
  } else if (measurements.date.empty()) {
    measurements.date = day_of_change(path);
  }
  return measurements;
}

}  // namespace towtank
