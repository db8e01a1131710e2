#include "sim/published/stack_fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/published/left_out.hpp"
#include "sim/published/robust_fit.hpp"

namespace towtank {
namespace {

constexpr int kIterations = 3;      // with derivatives of their own; slowdowns change them little
constexpr int kLastLooks = 1;       // with those of the best point before
constexpr double kLossScale = 0.1;  // of residuals, where two points are compared
constexpr double kArrived = 0.02;   // of a prior's deviation: a move that is none

/// Numbers and what projections with them say.
struct Point {
  std::vector<double> numbers;
  std::vector<LinearRow> rows;  // linear around the numbers
  double loss = std::numeric_limits<double>::infinity();
};

/// A stack on its way to its numbers.
struct StackState {
  std::vector<std::size_t> rows;  // of all
  std::vector<FitNumber> numbers;
  std::vector<NumberPrior> priors;
  std::vector<double> weights;  // (rows); 0 once a row could not be projected
  std::vector<double> before;   // (rows) residuals
  Point best;
  std::vector<double> next;  // numbers to look at
  bool arrived = false;
};

std::vector<FitRow> rows_of(const std::vector<FitRow>& all, const StackState& stack) {
  std::vector<FitRow> rows;
  rows.reserve(stack.rows.size());
  for (const std::size_t row : stack.rows) {
    rows.push_back(all[row]);
  }
  return rows;
}

std::vector<double> weights_of(const std::vector<FitRow>& rows) {
  std::map<std::string, double> copies;
  for (const FitRow& row : rows) {
    copies[row.family] += 1.0;
  }
  std::vector<double> weights;
  weights.reserve(rows.size());
  for (const FitRow& row : rows) {
    weights.push_back(1.0 / std::sqrt(copies[row.family]));
  }
  return weights;
}

/// Where a number starts: as the first run it is for has it.
double start_of(const FitNumber& number,
                const std::vector<FitNumber>& numbers,
                const std::vector<FitRow>& rows,
                const NumberPrior& prior) {
  const auto first = std::ranges::find_if(
      rows, [&](const FitRow& row) { return applies(number, numbers, row.profile); });
  check(first != rows.end(), "a number is some run's");
  return std::clamp(value_of(first->now, number.kind), prior.least, prior.most);
}

std::map<std::string, StackState> states_of(const std::vector<FitRow>& all) {
  std::map<std::string, StackState> states;
  for (std::size_t i = 0; i < all.size(); ++i) {
    states[all[i].stack].rows.push_back(i);
  }
  std::erase_if(states,
                [](const auto& entry) { return entry.second.rows.size() < kFewestRowsOfStack; });
  for (auto& [name, state] : states) {
    const std::vector<FitRow> rows = rows_of(all, state);
    state.numbers = numbers_to_fit(rows);
    state.weights = weights_of(rows);
    for (const FitNumber& number : state.numbers) {
      state.priors.push_back(prior_of(number));
      state.next.push_back(start_of(number, state.numbers, rows, state.priors.back()));
    }
  }
  return states;
}

StackNumbers numbers_on(const StackState& state,
                        const std::vector<double>& values,
                        const StackNumbers& now,
                        const std::string& profile) {
  StackNumbers numbers = now;
  for (std::size_t i = 0; i < state.numbers.size(); ++i) {
    if (applies(state.numbers[i], state.numbers, profile)) {
      numbers = with_value(numbers, state.numbers[i].kind, values[i]);
    }
  }
  return numbers;
}

/// The kinds among a stack's numbers, once each.
std::vector<StackNumber> kinds_of(const std::vector<FitNumber>& numbers) {
  std::vector<StackNumber> kinds;
  for (const FitNumber& number : numbers) {
    if (std::ranges::find(kinds, number.kind) == kinds.end()) {
      kinds.push_back(number.kind);
    }
  }
  return kinds;
}

/// What to project: every row with its numbers, then with each kind of them a step up.
std::vector<std::vector<StackNumbers>> questions(const std::vector<FitRow>& all,
                                                 const std::map<std::string, StackState>& states,
                                                 bool derivatives) {
  std::vector<std::vector<StackNumbers>> asked(all.size());
  for (const auto& [name, state] : states) {
    if (state.arrived) {
      continue;
    }
    for (const std::size_t row : state.rows) {
      const StackNumbers base = numbers_on(state, state.next, all[row].now, all[row].profile);
      asked[row] = {base};
      for (const StackNumber kind : kinds_of(state.numbers)) {
        if (derivatives) {
          asked[row].push_back(with_value(base, kind, value_of(base, kind) + step_of(kind)));
        }
      }
    }
  }
  return asked;
}

/// Derivatives of the logarithm of a row's time by the stack's numbers.
std::vector<double> slopes_of(const StackState& state,
                              const FitRow& row,
                              const std::vector<Seconds>& times) {
  const std::vector<StackNumber> kinds = kinds_of(state.numbers);
  std::vector<double> slopes;
  slopes.reserve(state.numbers.size());
  for (const FitNumber& number : state.numbers) {
    const auto at = static_cast<std::size_t>(std::ranges::find(kinds, number.kind) - kinds.begin());
    slopes.push_back(applies(number, state.numbers, row.profile)
                         ? std::log(times[at + 1] / times.front()) / step_of(number.kind)
                         : 0.0);
  }
  return slopes;
}

/// The rows around `state.next`. Without derivatives in the times, those of the best point hold.
Point point_of(StackState& state,
               const std::vector<FitRow>& all,
               const std::vector<std::vector<Seconds>>& times) {
  Point point{.numbers = state.next, .rows = {}};
  point.rows.reserve(state.rows.size());
  for (std::size_t i = 0; i < state.rows.size(); ++i) {
    const FitRow& row = all[state.rows[i]];
    const std::vector<Seconds>& of_row = times[state.rows[i]];
    if (of_row.empty()) {
      state.weights[i] = 0.0;
    }
    LinearRow linear{.value = 0.0,
                     .slopes = std::vector<double>(state.numbers.size(), 0.0),
                     .weight = state.weights[i]};
    if (linear.weight > 0.0) {
      linear.slopes = of_row.size() > 1 ? slopes_of(state, row, of_row) : state.best.rows[i].slopes;
      linear.value = std::log(row.measured / of_row.front()) - residual_of(linear, state.next);
    }
    point.rows.push_back(std::move(linear));
  }
  point.loss = robust_loss(point.rows, state.priors, point.numbers, kLossScale);
  return point;
}

std::vector<double> residuals_of(const Point& point) {
  std::vector<double> residuals;
  residuals.reserve(point.rows.size());
  for (const LinearRow& row : point.rows) {
    residuals.push_back(residual_of(row, point.numbers));
  }
  return residuals;
}

bool is_near(const StackState& state, const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::abs(a[i] - b[i]) > kArrived * state.priors[i].deviation) {
      return false;
    }
  }
  return true;
}

/// Takes the point if it is better than the best, and chooses where to look next: at the linear
/// solution, or half-way back where the last step was too long.
void advance(StackState& state, Point point) {
  if (point.loss <= state.best.loss) {
    state.best = std::move(point);
    state.next = robust_fit(state.best.rows, state.priors);
  } else {
    for (std::size_t i = 0; i < state.next.size(); ++i) {
      state.next[i] = (state.best.numbers[i] + point.numbers[i]) / 2.0;
    }
  }
  state.arrived = is_near(state, state.next, state.best.numbers);
}

void look(std::map<std::string, StackState>& states,
          const std::vector<FitRow>& all,
          const Projector& projector,
          bool derivatives) {
  const std::vector<std::vector<Seconds>> times = projector(questions(all, states, derivatives));
  check(times.size() == all.size(), "every row is answered");
  for (auto& [name, state] : states) {
    if (state.arrived) {
      continue;
    }
    Point point = point_of(state, all, times);
    if (state.before.empty()) {
      state.before = residuals_of(point);
    }
    advance(state, std::move(point));
  }
}

/// Residuals of rows that were projected.
std::vector<double> counted(const std::vector<double>& residuals, const StackState& state) {
  std::vector<double> kept;
  kept.reserve(residuals.size());
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    if (state.weights[i] > 0.0) {
      kept.push_back(residuals[i]);
    }
  }
  return kept;
}

FitErrors errors_of(const std::vector<double>& residuals) {
  FitErrors errors{.rows = residuals.size()};
  std::vector<double> sizes;
  sizes.reserve(residuals.size());
  for (const double residual : residuals) {
    const double error = std::exp(-residual) - 1.0;
    sizes.push_back(std::abs(error));
    errors.mean_abs += std::abs(error) / static_cast<double>(residuals.size());
    errors.bias += error / static_cast<double>(residuals.size());
  }
  const std::vector<double> alike(sizes.size(), 1.0);
  errors.median_abs = weighted_quantile(sizes, alike, 0.5);
  errors.p90_abs = weighted_quantile(sizes, alike, 0.9);
  return errors;
}

/// The share of runs to come that is below the largest of n sizes is n / (n + 1) on average: the
/// quantile is taken of one more than there are.
double quantile_to_expect(const std::vector<double>& residuals, double share) {
  std::vector<double> sizes;
  sizes.reserve(residuals.size());
  for (const double residual : residuals) {
    sizes.push_back(std::abs(residual));
  }
  const auto count = static_cast<double>(sizes.size());
  const double of_known = std::min(share * (count + 1.0) / count, 1.0);
  return weighted_quantile(sizes, std::vector<double>(sizes.size(), 1.0), of_known);
}

/// The mean of the GPUs' own numbers, each as often as it has runs, is the stack's where no row is
/// of another GPU.
StackNumbers stack_numbers(const StackState& state, const std::vector<FitRow>& all) {
  const StackNumbers& now = all[state.rows.front()].now;
  double sum = 0.0;
  for (const std::size_t row : state.rows) {
    const StackNumbers numbers = numbers_on(state, state.best.numbers, now, all[row].profile);
    sum += value_of(numbers, StackNumber::kCompute);
  }
  const bool others = std::ranges::any_of(state.numbers, [](const FitNumber& number) {
    return number.kind == StackNumber::kCompute && number.profile.empty();
  });
  const StackNumbers elsewhere = numbers_on(state, state.best.numbers, now, "");
  return others
             ? elsewhere
             : with_value(
                   elsewhere, StackNumber::kCompute, sum / static_cast<double>(state.rows.size()));
}

/// Kinds of numbers about which the rows say less than their priors: a launch that no kernel is
/// shorter than. By their shares of the normal equations.
std::vector<StackNumber> untold_of(const StackState& state) {
  std::map<StackNumber, double> told;
  const double scale = scale_of(state.best.rows, state.best.numbers);
  for (const LinearRow& row : state.best.rows) {
    for (std::size_t i = 0; i < state.numbers.size(); ++i) {
      const double slope = row.slopes[i] * state.priors[i].deviation / scale;
      told[state.numbers[i].kind] += row.weight * slope * slope;
    }
  }
  std::vector<StackNumber> untold = kinds_of(state.numbers);
  std::erase_if(untold, [&](StackNumber kind) { return told[kind] >= 1.0; });
  return untold;
}

struct Residuals {
  std::vector<double> before;
  std::vector<double> after;
  std::vector<double> left_out;
};

void append(std::vector<double>& to, const std::vector<double>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

StackFit result_of(const std::string& name,
                   const StackState& state,
                   const std::vector<FitRow>& all,
                   Residuals& of_all) {
  std::vector<std::string> groups;
  groups.reserve(state.rows.size());
  for (const std::size_t row : state.rows) {
    groups.push_back(all[row].group);
  }
  const std::vector<double> before = counted(state.before, state);
  const std::vector<double> after = counted(residuals_of(state.best), state);
  const std::vector<double> left_out =
      counted(left_out_residuals(state.best.rows, state.priors, groups), state);
  append(of_all.before, before);
  append(of_all.after, after);
  append(of_all.left_out, left_out);
  StackFit fit{.stack = name,
               .groups = group_count(groups),
               .numbers = stack_numbers(state, all),
               .on_gpu = {},
               .fitted = kinds_of(state.numbers),
               .untold = untold_of(state),
               .before = errors_of(before),
               .after = errors_of(after),
               .left_out = errors_of(left_out),
               .error = quantile_to_expect(left_out, 0.9)};
  for (const FitNumber& number : state.numbers) {
    if (!number.profile.empty()) {
      fit.on_gpu[number.profile] =
          numbers_on(state, state.best.numbers, fit.numbers, number.profile);
    }
  }
  return fit;
}

}  // namespace

FitOfStacks fit_stacks(const std::vector<FitRow>& rows, const Projector& projector) {
  std::map<std::string, StackState> states = states_of(rows);
  for (int i = 0; i < kIterations && !rows.empty(); ++i) {
    look(states, rows, projector, true);
  }
  for (int i = 0; i < kLastLooks && !rows.empty(); ++i) {
    look(states, rows, projector, false);
  }
  FitOfStacks fit;
  Residuals residuals;
  fit.stacks.reserve(states.size());
  for (const auto& [name, state] : states) {
    if (std::ranges::any_of(state.weights, [](double weight) { return weight > 0.0; })) {
      fit.stacks.push_back(result_of(name, state, rows, residuals));
    }
  }
  fit.before = errors_of(residuals.before);
  fit.after = errors_of(residuals.after);
  fit.left_out = errors_of(residuals.left_out);
  return fit;
}

}  // namespace towtank
