#include "tools/profile_table_check.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/profile/neighbours.hpp"
#include "tools/profile_kernels.hpp"
#include "tools/profile_rows.hpp"

namespace towtank {
namespace {

/// Rows of which the profile says nothing, for want of one thing.
struct Unanswered {
  std::string missing;  // "gpu.nic"
  Place first;
  std::size_t rows = 0;
};

/// The rows of one kind of kernel, and as whose kernels they are estimated.
struct KernelRows {
  KernelKey key;
  std::string variant;
  Op like;              // one of them
  std::string answers;  // the library asked for; empty: the profile's default
  std::vector<CheckedRow> rows;
  std::vector<Unanswered> unanswered = {};  // one for each thing that is missing
  std::size_t unusable = 0;                 // rows without an estimate
};

/// A covered row of a table, for the list of the worst.
struct Judged {
  const SampleTable* table = nullptr;
  const Sample* sample = nullptr;
  std::size_t kernels = 0;
  double error = 0.0;
};

bool knows(const Profile& profile, const Op& op, const std::string& library) {
  const auto same = [&](const MeasuredPoint& point) {
    return point.op.kind == op.kind && point.op.precision == op.precision &&
           is_run_by(point, library);
  };
  return find_fit(profile, op, library) != nullptr || std::ranges::any_of(profile.points, same);
}

/// The name under which the profile knows the library's kernels: all of it ("vllm/deepgemm"), the
/// library alone ("vllm"), or none.
std::string known_library(const Profile& profile, const Op& op, const std::string& library) {
  if (knows(profile, op, library)) {
    return library;
  }
  const std::string whole = library.substr(0, library.find('/'));
  return knows(profile, op, whole) ? whole : "";
}

/// Precisions may be sizes to a fit; in a report they are told apart.
bool same_precisions(const Op& a, const Op& b) {
  const auto* const one = std::get_if<AttentionShape>(&a.shape);
  const auto* const other = std::get_if<AttentionShape>(&b.shape);
  const bool same_cache =
      one == nullptr || other == nullptr || one->kv_precision == other->kv_precision;
  return a.precision == b.precision && same_cache;
}

void count_unanswered(std::vector<Unanswered>& all, const std::string& missing, const Place& row) {
  auto known = std::ranges::find(all, missing, &Unanswered::missing);
  if (known == all.end()) {
    all.push_back({.missing = missing, .first = row});
    known = all.end() - 1;
  }
  ++known->rows;
}

class TableJudge {
 public:
  TableJudge(const Profile& profile, const CheckQuestion& question)
      : profile_(profile), question_(question) {}

  void judge(const SampleTable& table) {
    bool any = false;
    for (const Sample& sample : table.samples) {
      if (is_asked(sample.op.kind)) {
        any = true;
        judge(table, sample);
      }
    }
    std::size_t skipped = 0;
    for (const SkippedRows& rows : table.skipped) {
      skipped += rows.rows;
    }
    unusable_ += any ? skipped : 0;
    tables_.push_back({.file = table.file,
                       .kind = table.kind,
                       .device = table.device,
                       .version = table.version,
                       .samples = table.samples.size(),
                       .skipped = skipped});
    for (const SkippedRows& rows : table.skipped) {
      skip_notes_.push_back(fmt::format("{}: {} rows are not usable: {}",
                                        table.file,
                                        format_count(static_cast<double>(rows.rows)),
                                        rows.reason));
    }
  }

  ProfileCheck result() {
    ProfileCheck check;
    check.profile = profile_.gpu.name;
    check.tables = std::move(tables_);
    std::vector<CheckedRow> all;
    std::size_t unusable = unusable_;
    for (const KernelRows& kernels : kernels_) {
      all.insert(all.end(), kernels.rows.begin(), kernels.rows.end());
      unusable += kernels.unusable;
      check.groups.push_back({.op = std::string(name(kernels.key.kind)),
                              .precision = kernels.variant,
                              .library = kernels.key.library,
                              .figures = check_figures(kernels.rows, kernels.unusable)});
    }
    check.all = check_figures(all, unusable);
    check.worst = worst_rows();
    check.notes = notes();
    check.notes.insert(check.notes.end(), skip_notes_.begin(), skip_notes_.end());
    return check;
  }

 private:
  bool is_asked(OpKind kind) const {
    return question_.kinds.empty() ||
           std::ranges::find(question_.kinds, kind) != question_.kinds.end();
  }

  int sms_of(const Sample& sample) const { return sample.sms == 0 ? profile_.gpu.sms : sample.sms; }

  void judge(const SampleTable& table, const Sample& sample) {
    const std::size_t at = kernels_of(sample);
    KernelRows& kernels = kernels_[at];
    if (const std::string missing = what_is_missing(profile_, sample.op); !missing.empty()) {
      ++kernels.unusable;
      count_unanswered(
          kernels.unanswered, missing, {.file = table.file, .line = static_cast<int>(sample.line)});
      return;
    }
    const Estimate found = estimate(profile_, sample.op, sms_of(sample), kernels.answers);
    const CheckedRow row{.measured = sample.time,
                         .estimated = found.time,
                         .stated_error = found.error,
                         .covered = found.origin != Origin::kDatasheet};
    kernels.rows.push_back(row);
    if (row.covered) {
      judged_.push_back(
          {.table = &table, .sample = &sample, .kernels = at, .error = error_of(row)});
    }
  }

  /// Index of the rows like this one.
  std::size_t kernels_of(const Sample& sample) {
    const KernelKey key = key_of(sample.op, sample.library);
    for (std::size_t i = kernels_.size(); i-- > 0;) {  // rows of a kind follow one another
      if (kernels_[i].key == key && same_precisions(kernels_[i].like, sample.op)) {
        return i;
      }
    }
    kernels_.push_back(
        {.key = key,
         .variant = variant_text(sample.op),
         .like = sample.op,
         .answers = known_library(profile_, sample.op, question_.library.value_or(key.library)),
         .rows = {}});
    return kernels_.size() - 1;
  }

  std::string described(const Sample& sample) const {
    const std::string op = describe(sample.op);
    return sms_of(sample) == profile_.gpu.sms ? op : fmt::format("{}, {} SMs", op, sample.sms);
  }

  std::vector<WorstRow> worst_rows() {
    const std::size_t count = std::min(question_.worst, judged_.size());
    std::partial_sort(
        judged_.begin(),
        judged_.begin() + static_cast<std::ptrdiff_t>(count),
        judged_.end(),
        [](const Judged& a, const Judged& b) { return std::abs(a.error) > std::abs(b.error); });
    std::vector<WorstRow> rows;
    rows.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Sample& sample = *judged_[i].sample;
      const Estimate found =
          estimate(profile_, sample.op, sms_of(sample), kernels_[judged_[i].kernels].answers);
      rows.push_back({.file = judged_[i].table->file,
                      .line = sample.line,
                      .op = described(sample),
                      .library = sample.library,
                      .measured = sample.time,
                      .estimated = found.time,
                      .error = judged_[i].error,
                      .stated_error = found.error,
                      .origin = std::string(name(found.origin))});
    }
    return rows;
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    for (const KernelRows& kernels : kernels_) {
      const std::string what = fmt::format("{} {}", name(kernels.key.kind), kernels.variant);
      const std::string asked = question_.library.value_or(kernels.key.library);
      for (const Unanswered& unanswered : kernels.unanswered) {
        notes.push_back(fmt::format(
            "{} says nothing of {} in {} row{} (the first: {}): it lacks {}; state that in the "
            "profile to check them",
            profile_.gpu.name,
            what,
            format_count(static_cast<double>(unanswered.rows)),
            unanswered.rows == 1 ? "" : "s",
            to_string(unanswered.first),
            unanswered.missing));
      }
      if (!kernels.rows.empty() && kernels.answers != asked) {
        notes.push_back(fmt::format(
            "{} knows no {} by {}; its rows are estimated as {}",
            profile_.gpu.name,
            what,
            asked,
            kernels.answers.empty() ? "by whatever library it knows" : "by " + kernels.answers));
      }
    }
    return notes;
  }

  const Profile& profile_;
  const CheckQuestion& question_;
  std::vector<KernelRows> kernels_;  // in order of first appearance
  std::vector<Judged> judged_;
  std::vector<CheckedTable> tables_;
  std::vector<std::string> skip_notes_;
  std::size_t unusable_ = 0;
};

}  // namespace

ProfileCheck check_tables(const Profile& profile,
                          const std::vector<SampleTable>& tables,
                          const CheckQuestion& question) {
  std::vector<const SampleTable*> all;
  all.reserve(tables.size());
  for (const SampleTable& table : tables) {
    all.push_back(&table);
  }
  check_sms(all, profile.gpu);
  TableJudge judge(profile, question);
  for (const SampleTable& table : tables) {
    judge.judge(table);
  }
  return judge.result();
}

}  // namespace towtank
