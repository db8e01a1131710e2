#include "sim/published/score.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "sim/published/rank_correlation.hpp"

namespace towtank {
namespace {

/// Value below which `share` of the sorted values lie, between neighbours by their distance.
double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) {
    return 0.0;
  }
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = at - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

/// The source without the file, container or submission it names.
std::string publisher_of(const std::string& source) {
  const std::size_t words = source.find_first_of(" (");
  std::size_t second = words == std::string::npos ? words : source.find_first_of(" (", words + 1);
  return source.substr(0, second);
}

template <typename KeyOf>
std::vector<CaseGroup> groups_by(const std::vector<RunCase>& cases, KeyOf key_of) {
  std::map<std::string, std::vector<const RunCase*>> members;
  for (const RunCase& row : cases) {
    if (row.in_scope) {
      members[key_of(row)].push_back(&row);
    }
  }
  std::vector<CaseGroup> groups;
  groups.reserve(members.size());
  for (const auto& [name, of_name] : members) {
    groups.push_back({.name = name, .rows = of_name.size(), .errors = statistics_of(of_name)});
  }
  std::ranges::stable_sort(groups, std::ranges::greater{}, &CaseGroup::rows);
  return groups;
}

double tokens_rate(const RunCase& row, Seconds time) {
  // Of one sweep the batches may differ: rates compare, times do not.
  return row.step_tokens / time.si();
}

std::vector<Sweep> sweeps_of(const std::vector<RunCase>& cases) {
  using Key = std::tuple<std::string, std::string, std::string, std::int64_t>;
  std::map<Key, std::vector<const RunCase*>> members;
  std::vector<Key> order;
  for (const RunCase& row : cases) {
    if (!row.in_scope || !row.error()) {
      continue;
    }
    const Key key(row.source, row.model, row.gpu, row.gpus);
    std::vector<const RunCase*>& of_key = members[key];
    if (of_key.empty()) {
      order.push_back(key);
    }
    of_key.push_back(&row);
  }
  std::vector<Sweep> sweeps;
  for (const Key& key : order) {
    const std::vector<const RunCase*>& rows = members[key];
    std::vector<std::string> plans;
    std::vector<double> measured;
    std::vector<double> projected;
    for (const RunCase* row : rows) {
      plans.push_back(row->precision + " " + row->plan);
      measured.push_back(tokens_rate(*row, *row->measured));
      projected.push_back(tokens_rate(*row, *row->projected));
    }
    std::ranges::sort(plans);
    plans.erase(std::unique(plans.begin(), plans.end()), plans.end());
    const std::optional<double> spearman = rank_correlation(projected, measured);
    if (plans.size() >= kFewestPlans && spearman) {
      sweeps.push_back({.source = rows.front()->source,
                        .model = rows.front()->model,
                        .gpu = rows.front()->gpu,
                        .gpus = rows.front()->gpus,
                        .cases = rows.size(),
                        .spearman = *spearman});
    }
  }
  return sweeps;
}

std::optional<double> median_spearman(const std::vector<Sweep>& sweeps) {
  std::vector<double> values;
  values.reserve(sweeps.size());
  for (const Sweep& sweep : sweeps) {
    values.push_back(sweep.spearman);
  }
  std::ranges::sort(values);
  return values.empty() ? std::nullopt : std::optional(quantile(values, 0.5));
}

}  // namespace

ErrorStatistics statistics_of(const std::vector<const RunCase*>& cases) {
  ErrorStatistics statistics;
  std::vector<double> sizes;
  double sum = 0.0;
  double inside = 0.0;
  for (const RunCase* row : cases) {
    const std::optional<double> error = row->error();
    if (!error) {
      continue;
    }
    sizes.push_back(std::abs(*error));
    sum += *error;
    inside += *row->measured >= row->low && *row->measured <= row->high ? 1.0 : 0.0;
  }
  if (sizes.empty()) {
    return statistics;
  }
  std::ranges::sort(sizes);
  const double count = static_cast<double>(sizes.size());
  double total = 0.0;
  for (const double size : sizes) {
    total += size;
  }
  return {.cases = sizes.size(),
          .median_abs = quantile(sizes, 0.5),
          .mean_abs = total / count,
          .bias = sum / count,
          .p90_abs = quantile(sizes, 0.9),
          .inside_range = inside / count};
}

Score score_of(const std::vector<RunCase>& cases) {
  Score score;
  score.table_rows = cases.size();
  std::vector<const RunCase*> steps;
  std::vector<const RunCase*> efficiencies;
  for (const RunCase& row : cases) {
    if (row.in_scope) {
      steps.push_back(&row);
      score.covered += row.error() ? 1 : 0;
    } else if (row.against == Measured::kEfficiency && is_nvidia(row.gpu)) {
      efficiencies.push_back(&row);
    }
  }
  score.rows = steps.size();
  score.errors = statistics_of(steps);
  score.efficiency_rows = efficiencies.size();
  score.efficiency = statistics_of(efficiencies);
  score.sweeps = sweeps_of(cases);
  score.median_spearman = median_spearman(score.sweeps);
  score.by_gpu = groups_by(cases, [](const RunCase& row) { return row.gpu; });
  score.by_source = groups_by(cases, [](const RunCase& row) { return publisher_of(row.source); });
  score.by_stack = groups_by(cases, [](const RunCase& row) {
    return row.stack.empty() ? std::string("(not projected)") : row.stack;
  });
  return score;
}

}  // namespace towtank
