#include "tools/profile_fitting.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "reports/profile_check.hpp"
#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/profile/fit/fit_text.hpp"
#include "tools/profile_file.hpp"
#include "tools/profile_kernels.hpp"
#include "tools/profile_rows.hpp"

namespace towtank {
namespace {

/// Fewer rows of one kind of kernel are not fitted but kept one by one; of kernels that were not
/// measured over a grid of sizes, a fit needs more rows to learn from.
constexpr std::size_t kLeastRows = 12;
constexpr std::size_t kLeastSingleRows = 200;

/// Relative error at 90% of a kernel that was measured once; as for hand-written points.
constexpr double kSpreadOfOne = 0.03;

/// Files that are one table.
struct Group {
  Source source;
  std::vector<const Measurements*> files;
};

/// The rows of one kind of kernel in a group.
struct Kernels {
  const Group* group = nullptr;
  bool single = false;
  std::vector<const Sample*> samples;
  std::vector<double> spreads;  // (samples)
};

std::string what(const KernelKey& key) {
  return fmt::format("{} {}{}",
                     name(key.kind),
                     variant_text(key),
                     key.library.empty() ? "" : " by " + key.library);
}

/// Letters, digits and single dashes: what stands in a TOML key without quotation marks.
std::string slug(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
    if (plain) {
      result.push_back(letter);
    } else if (!result.empty() && result.back() != '-') {
      result.push_back('-');
    }
  }
  while (!result.empty() && result.back() == '-') {
    result.pop_back();
  }
  return result;
}

/// The libraries of a table, without their kernels: "trtllm", "sglang+vllm".
std::string libraries_of(const SampleTable& table) {
  std::set<std::string> libraries;
  for (const Sample& sample : table.samples) {
    libraries.insert(sample.library.substr(0, sample.library.find('/')));
  }
  libraries.erase("");
  return fmt::format("{}", fmt::join(libraries, "+"));
}

std::string group_name(const SampleTable& table) {
  return slug(fmt::format("{}-{}-{}", table.kind, libraries_of(table), table.version));
}

/// "ours: gemm_perf, trtllm 1.3, h100_sxm; gemm.csv: 100,668 times"
std::string description(const Group& group) {
  const Measurements& first = *group.files.front();
  std::string text = first.source.empty() ? "" : first.source + ": ";
  text += first.table.kind;
  for (const std::string& part :
       {libraries_of(first.table) + (first.table.version.empty() ? "" : " " + first.table.version),
        first.table.device}) {
    text += part.empty() ? "" : ", " + part;
  }
  for (const Measurements* const file : group.files) {
    text += fmt::format("; {}: {} times",
                        std::filesystem::path(file->table.file).filename().string(),
                        format_count(static_cast<double>(file->table.samples.size())));
  }
  return text;
}

/// The groups in order of first appearance, with sources of distinct keys.
std::vector<Group> groups_of(const std::vector<Measurements>& files, const Profile& base) {
  std::vector<Group> groups;
  for (const Measurements& file : files) {
    const std::string key = group_name(file.table);
    auto group = std::ranges::find(groups, key, [](const Group& each) { return each.source.key; });
    if (group == groups.end()) {
      groups.push_back({.source = {.key = key, .text = {}, .date = file.date}, .files = {}});
      group = groups.end() - 1;
    }
    group->files.push_back(&file);
    group->source.date = std::max(group->source.date, file.date);
  }
  for (Group& group : groups) {
    group.source.text = description(group);
    const std::string key = group.source.key;
    for (int i = 2;
         std::ranges::find(base.sources, group.source.key, &Source::key) != base.sources.end();
         ++i) {
      group.source.key = fmt::format("{}-{}", key, i);
    }
  }
  return groups;
}

void add_samples(Kernels& kernels, const Measurements& file, std::size_t sample) {
  kernels.single = kernels.single || file.single;
  kernels.samples.push_back(&file.table.samples[sample]);
  kernels.spreads.push_back(file.spreads.empty() ? 0.0 : file.spreads[sample]);
}

InputError measured_twice(const KernelKey& key, const Group& one, const Group& other) {
  return InputError(
      {.file = other.files.front()->table.file},
      fmt::format("measures {}, and so does {}", what(key), one.files.front()->table.file),
      "a profile has one fit of each kind of kernel; import one of the two files");
}

/// InputError when rows need a bandwidth that `base` does not state: one mistake for each file and
/// bandwidth, at the first row.
void check_bandwidths(const std::vector<Measurements>& files, const Profile& base) {
  std::vector<Diagnostic> mistakes;
  for (const Measurements& file : files) {
    std::set<std::string> known;
    for (const Sample& sample : file.table.samples) {
      const std::string missing = what_is_missing(base, sample.op);
      if (!missing.empty() && known.insert(missing).second) {
        mistakes.push_back(
            {.place = {.file = file.table.file, .line = static_cast<int>(sample.line)},
             .message = fmt::format("measures {}, of which {} says nothing: it lacks {}",
                                    describe(sample.op),
                                    base.gpu.name,
                                    missing),
             .hint = fmt::format("state it under [gpu] of the profile: {} = \"50 GB/s\", say",
                                 missing.substr(missing.find('.') + 1))});
      }
    }
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
}

/// All rows by kind of kernel, in order of first appearance.
std::vector<std::pair<KernelKey, Kernels>> kernels_of(const std::vector<Group>& groups) {
  std::vector<std::pair<KernelKey, Kernels>> all;
  for (const Group& group : groups) {
    for (const Measurements* const file : group.files) {
      for (std::size_t i = 0; i < file->table.samples.size(); ++i) {
        const Sample& sample = file->table.samples[i];
        const KernelKey key = key_of(sample.op, sample.library);
        auto found = std::find_if(
            all.rbegin(), all.rend(), [&key](const auto& each) { return each.first == key; });
        if (found == all.rend()) {
          all.push_back({key, {.group = &group, .single = false, .samples = {}, .spreads = {}}});
          found = all.rbegin();
        }
        if (found->second.group != &group) {
          throw measured_twice(key, *found->second.group, group);
        }
        add_samples(found->second, *file, i);
      }
    }
  }
  return all;
}

/// Repetitions of one op as one measurement: their median, and half the width that 90% of them
/// have.
MeasuredPoint single_measurement(const std::vector<std::size_t>& rows,
                                 const Kernels& kernels,
                                 int sms) {
  std::vector<double> times;
  double spread = rows.size() == 1 ? kSpreadOfOne : 0.0;
  for (const std::size_t row : rows) {
    times.push_back(kernels.samples[row]->time.si());
    spread = kernels.spreads[row] > 0.0 ? kernels.spreads[row] : spread;
  }
  const double median = quantile(times, 0.5);
  const double observed = 0.5 * (quantile(times, 0.95) - quantile(times, 0.05)) / median;
  const Sample& first = *kernels.samples[rows.front()];
  constexpr double kMostSpread = 0.9;  // that the reader takes
  return {.op = first.op,
          .sms = sms,
          .time = Seconds(median),
          .spread = std::min(kMostSpread, std::max(spread, observed)),
          .source = kernels.group->source.key,
          .library = first.library};
}

void add_single_measurements(std::vector<MeasuredPoint>& points,
                             const Kernels& kernels,
                             int gpu_sms) {
  struct Same {
    Op op;
    int sms = 0;
    std::vector<std::size_t> rows;
  };
  std::vector<Same> distinct;
  for (std::size_t row = 0; row < kernels.samples.size(); ++row) {
    const Sample& sample = *kernels.samples[row];
    const int sms = sample.sms == 0 ? gpu_sms : sample.sms;
    const auto same = std::ranges::find_if(
        distinct, [&](const Same& each) { return each.op == sample.op && each.sms == sms; });
    if (same == distinct.end()) {
      distinct.push_back({.op = sample.op, .sms = sms, .rows = {row}});
    } else {
      same->rows.push_back(row);
    }
  }
  for (const Same& same : distinct) {
    points.push_back(single_measurement(same.rows, kernels, same.sms));
  }
}

bool is_table(const Kernels& kernels) {
  return kernels.samples.size() >= (kernels.single ? kLeastSingleRows : kLeastRows);
}

}  // namespace

LearntPart learn(const std::vector<Measurements>& files,
                 const Profile& base,
                 const FitOptions& options) {
  std::vector<const SampleTable*> tables;
  tables.reserve(files.size());
  for (const Measurements& file : files) {
    tables.push_back(&file.table);
  }
  check_sms(tables, base.gpu);
  check_bandwidths(files, base);
  const std::vector<Group> groups = groups_of(files, base);
  const std::vector<std::pair<KernelKey, Kernels>> all = kernels_of(groups);
  LearntPart part;
  for (const Group& group : groups) {
    part.sources.push_back(group.source);
  }
  std::vector<Sample> rows;
  for (const auto& [key, kernels] : all) {
    if (is_table(kernels)) {
      for (const Sample* const sample : kernels.samples) {
        rows.push_back(*sample);
      }
    } else {
      add_single_measurements(part.points, kernels, base.gpu.sms);
    }
  }
  part.fits = fit_kernels(rows, base.gpu, "", options);
  for (KernelFit& fit : part.fits) {
    const auto same = [&fit](const auto& each) { return each.first == fit.key; };
    fit.source = std::ranges::find_if(all, same)->second.group->source.key;
  }
  return part;
}

std::string learnt_text(const LearntPart& part) {
  std::string text;
  for (const Source& source : part.sources) {
    text += "\n" + source_text(source);
  }
  for (const MeasuredPoint& point : part.points) {
    text += "\n" + point_text(point);
  }
  for (const KernelFit& fit : part.fits) {
    text += "\n" + fit_text(fit);
  }
  return text;
}

}  // namespace towtank
