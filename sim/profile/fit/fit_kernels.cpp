#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <thread>

#include "sim/base/error.hpp"
#include "sim/profile/fit/base64.hpp"
#include "sim/profile/fit/fit_rows.hpp"
#include "sim/profile/fit/hold_out.hpp"
#include "sim/profile/fit/kernel_fit.hpp"

namespace towtank {
namespace {

/// Knots of a direction of one size, at most.
constexpr std::size_t kMostKnots = 80;
constexpr std::size_t kMostKnotsOfFullTable = 256;

/// Digits to which times are kept.
constexpr int kTimeDigits = 4;

/// A rank that reaches this is enough; less than this cannot be told from noise.
constexpr ErrorSummary kGoodEnough = {.median = 0.035, .p90 = 0.11};

/// A median of 5% counts as much as a 90th percentile of 15%.
double score(const ErrorSummary& errors) {
  return 3.0 * errors.median + errors.p90;
}

/// The floor that is added to the speed of light: a part of the least time in the table, so that
/// small kernels are predicted in proportion to it.
Seconds floor_of(const FitRows& rows) {
  constexpr double kPart = 0.6;
  return Seconds(kPart * std::ranges::min(rows.times));
}

std::vector<double> bases_of(const FitRows& rows, const KernelFit& fit, const Gpu& gpu) {
  const int sms = fit.sms == 0 ? gpu.sms : fit.sms;
  std::vector<double> bases;
  bases.reserve(rows.count());
  for (const Op& op : rows.ops) {
    bases.push_back(base_time(fit, op, gpu, sms).si());
  }
  return bases;
}

bool has_tiles(OpKind kind) {
  return kind == OpKind::kGemm || kind == OpKind::kWeightGemm;
}

/// Numbers that a unit of rank takes.
std::size_t numbers_per_rank(const std::vector<Sites>& sites) {
  std::size_t count = 0;
  for (const Sites& along : sites) {
    count += along.count() == 1 ? 0 : along.count();
  }
  return std::max<std::size_t>(1, count);
}

/// Whether sizes count exactly or in whole tiles: by which of them times at sizes that were not
/// measured are nearer.
void choose_tile(const FitRows& rows, const Gpu& gpu, FitPlan& plan, KernelFit& fit) {
  constexpr int kRoughRank = 8;
  constexpr double kClearly = 0.94;
  constexpr std::size_t kLeastRows = 500;
  if (!has_tiles(fit.key.kind) || rows.count() < kLeastRows) {
    return;
  }
  FitPlan rough = plan;
  rough.options.rank = kRoughRank;
  rough.options.iterations = 10;
  double least = 0.0;
  std::int64_t best = 0;
  for (const std::int64_t tile : {0, 64, 128}) {
    fit.tile = tile;
    rough.bases = bases_of(rows, fit, gpu);
    const double found = score(summary(hide_inner_sites(rows, rough)));
    if (tile == 0 || found < kClearly * least) {
      least = found;
      best = tile;
    }
  }
  fit.tile = best;
  plan.bases = bases_of(rows, fit, gpu);
}

/// Errors of a plan on hidden rows; on all folds where rows are few.
ErrorSummary tried_error(const FitRows& rows, const FitPlan& plan, int folds) {
  constexpr std::size_t kFewRows = 4000;
  std::vector<HiddenRow> hidden =
      hide_folds(rows, plan, folds, rows.count() < kFewRows ? folds : 1, Deal::kChoose);
  if (plan.correct) {
    learn_neighbour_weights(hidden, plan.sites.size());
  }
  return summary(hidden);
}

/// The smallest rank that is good enough, or else close to the best that the budget allows.
void choose_rank(const FitRows& rows, const FitOptions& options, FitPlan& plan) {
  constexpr double kClose = 1.01;
  constexpr std::size_t kMostOfFullTable = 10000;
  constexpr std::size_t kFewNumbers = 400;  // not worth saving
  const std::size_t each = numbers_per_rank(plan.sites);
  const std::size_t allowed = options.keep_all_points
                                  ? kMostOfFullTable
                                  : static_cast<std::size_t>(options.most_parameters);
  const std::size_t budget = std::min(allowed, rows.count()) / each;
  const int most = std::clamp(static_cast<int>(budget), 1, options.keep_all_points ? 40 : 32);
  struct Tried {
    int rank = 1;
    double score = 0.0;
  };
  std::vector<Tried> tried;
  for (const int rank : {1, 2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40}) {
    if (rank > most) {
      break;
    }
    plan.options.rank = rank;
    const ErrorSummary found = tried_error(rows, plan, options.folds);
    tried.push_back({.rank = rank, .score = score(found)});
    const bool good = found.median <= kGoodEnough.median && found.p90 <= kGoodEnough.p90;
    if (!plan.correct && good && each * static_cast<std::size_t>(rank) >= kFewNumbers) {
      break;
    }
  }
  const auto best = std::ranges::min_element(tried, {}, &Tried::score);
  plan.options.rank = 1;
  for (const Tried& one : tried) {
    if (one.score <= (plan.correct ? 1.0 : kClose) * best->score) {
      plan.options.rank = one.rank;
      break;
    }
  }
}

/// How strongly the factors are held: what the hidden rows prefer.
void choose_penalties(const FitRows& rows, const FitOptions& options, FitPlan& plan) {
  double least = score(tried_error(rows, plan, options.folds));
  const auto consider = [&](double SeparableOptions::*penalty, double candidate) {
    const double before = plan.options.*penalty;
    plan.options.*penalty = candidate;
    const double found = score(tried_error(rows, plan, options.folds));
    if (found < least) {
      least = found;
      return true;
    }
    plan.options.*penalty = before;
    return false;
  };
  for (double SeparableOptions::*penalty : {&SeparableOptions::smooth, &SeparableOptions::ridge}) {
    constexpr double kStep = 4.0;
    if (!consider(penalty, plan.options.*penalty * kStep)) {
      while (consider(penalty, plan.options.*penalty / kStep) && plan.options.*penalty > 1e-3) {
      }
      continue;
    }
    while (consider(penalty, plan.options.*penalty * kStep) && plan.options.*penalty < 10.0) {
    }
  }
}

/// A number of so many digits, as it is written.
double rounded(double number, int digits) {
  if (!(number > 0.0) || !std::isfinite(number)) {
    return number;
  }
  const double unit = std::pow(10.0, std::floor(std::log10(number)) - digits + 1.0);
  return std::round(number / unit) * unit;
}

/// Greatest absolute factor of a component along a direction.
double greatest(const std::vector<float>& factors, std::size_t rank, std::size_t component) {
  double most = 0.0;
  for (std::size_t i = component; i < factors.size(); i += rank) {
    most = std::max(most, std::abs(static_cast<double>(factors[i])));
  }
  return most;
}

/// Gives the factors of a component the same greatest value along all directions: the products
/// stay.
void balance(Separable& function) {
  const auto rank = static_cast<std::size_t>(function.rank);
  for (std::size_t component = 0; component < rank; ++component) {
    double logs = 0.0;
    int directions = 0;
    for (const std::vector<float>& factors : function.factors) {
      if (!factors.empty()) {
        logs += std::log(std::max(greatest(factors, rank, component), 1e-12));
        ++directions;
      }
    }
    const double all = std::exp(logs / std::max(directions, 1));
    for (std::vector<float>& factors : function.factors) {
      const double scale = all / std::max(greatest(factors, rank, component), 1e-12);
      for (std::size_t i = component; i < factors.size(); i += rank) {
        factors[i] = static_cast<float>(static_cast<double>(factors[i]) * scale);
      }
    }
  }
}

/// Makes the factors whole numbers of the least unit with which `letters` hold them.
void round_factors(int letters, KernelFit& fit) {
  constexpr int kDigits = 6;
  double most = 1e-6;
  for (const std::vector<float>& factors : fit.log_slowdown.factors) {
    most = std::max(most, greatest(factors, 1, 0));
  }
  const auto steps = static_cast<double>(greatest_in_base64(letters) - 1);
  fit.letters = letters;
  fit.unit = rounded(most / steps, kDigits);
  for (std::vector<float>& factors : fit.log_slowdown.factors) {
    for (float& factor : factors) {
      factor = static_cast<float>(std::round(static_cast<double>(factor) / fit.unit) * fit.unit);
    }
  }
}

/// Rounds to as few letters as change estimates by at most about a thousandth.
void shorten(const FitRows& rows, KernelFit& fit) {
  constexpr double kTolerated = 1.5e-3;
  balance(fit.log_slowdown);
  const Separable exact = fit.log_slowdown;
  for (const int letters : {2, kMostBase64Letters}) {
    fit.log_slowdown = exact;
    round_factors(letters, fit);
    double square = 0.0;
    for (std::size_t row = 0; row < rows.count(); ++row) {
      square +=
          std::pow(value(fit.log_slowdown, rows.place(row)) - value(exact, rows.place(row)), 2);
    }
    if (std::sqrt(square / static_cast<double>(rows.count())) <= kTolerated) {
      return;
    }
  }
}

/// Rows spread over the table: each the farthest from those chosen before.
std::vector<std::size_t> spread(const FitRows& rows,
                                const std::vector<std::size_t>& among,
                                std::size_t wanted) {
  std::vector<std::size_t> chosen;
  std::vector<double> distance(among.size(), 1e300);
  std::size_t next = 0;
  while (chosen.size() < std::min(wanted, among.size())) {
    chosen.push_back(among[next]);
    const std::span<const double> last = rows.place(among[next]);
    for (std::size_t i = 0; i < among.size(); ++i) {
      const std::span<const double> place = rows.place(among[i]);
      double square = 0.0;
      for (std::size_t axis = 0; axis < place.size(); ++axis) {
        square += (place[axis] - last[axis]) * (place[axis] - last[axis]);
      }
      distance[i] = std::min(distance[i], square);
    }
    next = static_cast<std::size_t>(std::ranges::max_element(distance) - distance.begin());
  }
  std::ranges::sort(chosen);
  return chosen;
}

FitError rounded(FitError error) {
  constexpr int kDigits = 3;
  error.median = rounded(error.median, kDigits);
  error.p90 = rounded(error.p90, kDigits);
  error.of_measured = rounded(error.of_measured, kDigits);
  error.per_doubling = rounded(error.per_doubling, kDigits);
  error.per_doubling_outside = rounded(error.per_doubling_outside, kDigits);
  for (double& at_knots : error.at_knots) {
    at_knots = rounded(at_knots, kDigits);
  }
  for (double& limit : error.time_limits) {
    limit = rounded(limit, kDigits + 1);
  }
  return error;
}

void keep_points(const FitRows& rows,
                 const FitPlan& plan,
                 const FitOptions& options,
                 KernelFit& fit) {
  std::vector<std::size_t> all(rows.count());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const RowResiduals on_sites = residuals_of(rows, plan, fit.log_slowdown, all);
  std::vector<std::size_t> kept;
  if (options.keep_all_points) {
    kept = on_sites.rows;
  } else {
    kept = spread(rows, on_sites.rows, static_cast<std::size_t>(options.chosen_points));
  }
  fit.complete = options.keep_all_points;
  fit.points.reserve(kept.size());
  std::size_t index = 0;
  for (const std::size_t row : kept) {
    while (on_sites.rows[index] != row) {
      ++index;
    }
    const std::span<const double> place = rows.place(row);
    fit.points.push_back({.at = {place.begin(), place.end()},
                          .time = Seconds(rounded(rows.times[row], kTimeDigits)),
                          .residual = std::round(on_sites.residuals[index] * 1e4) * 1e-4});
  }
}

/// Alternating least squares may end beside the best function: the nearest of some tries from
/// different starts.
Separable best_function(const FitRows& rows, const FitPlan& plan) {
  constexpr std::uint64_t kStarts = 3;
  std::vector<std::size_t> all(rows.count());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const Observations observations = observations_of(rows, plan, all);
  Separable best;
  double least = 0.0;
  for (std::uint64_t seed = 0; seed < kStarts; ++seed) {
    SeparableOptions options = plan.options;
    options.seed = seed;
    Separable found = fit_separable(observations, plan.sites, options);
    double miss = 0.0;
    for (std::size_t row = 0; row < rows.count(); ++row) {
      miss += std::abs(value(found, observations.place(row)) - observations.values[row]);
    }
    if (seed == 0 || miss < least) {
      least = miss;
      best = std::move(found);
    }
  }
  return best;
}

KernelFit fit_rows(const FitRows& rows,
                   const Gpu& gpu,
                   const std::string& source,
                   FitOptions options) {
  options.keep_all_points =
      options.keep_all_points || rows.count() <= options.keep_all_points_up_to;
  KernelFit fit;
  fit.key = rows.key;
  fit.axes = rows.axes;
  fit.sms = rows.sms;
  fit.rows = rows.measured;
  fit.source = source;
  fit.floor = Seconds(rounded(floor_of(rows).si(), kTimeDigits));
  fit.longest = Seconds(rounded(*std::ranges::max_element(rows.times), kTimeDigits));
  FitPlan plan = {
      .bases = bases_of(rows, fit, gpu),
      .sites = sites_of(rows, options.keep_all_points ? kMostKnotsOfFullTable : kMostKnots),
      .options = {.rank = 4},
      .correct = options.keep_all_points};
  choose_tile(rows, gpu, plan, fit);
  choose_penalties(rows, options, plan);
  choose_rank(rows, options, plan);
  choose_penalties(rows, options, plan);
  std::vector<HiddenRow> hidden =
      hide_folds(rows, plan, options.folds, options.folds, Deal::kState);
  if (plan.correct) {
    fit.neighbour_weights = learn_neighbour_weights(hidden, plan.sites.size());
  }
  fit.error = rounded(fit_error(rows, plan, hidden));
  fit.log_slowdown = best_function(rows, plan);
  shorten(rows, fit);
  keep_points(rows, plan, options, fit);
  index_points(fit);
  return fit;
}

}  // namespace

std::vector<KernelFit> fit_kernels(const std::vector<Sample>& samples,
                                   const Gpu& gpu,
                                   const std::string& source,
                                   const FitOptions& options) {
  const std::vector<FitRows> tables = rows_by_key(samples, gpu);
  std::vector<KernelFit> fits(tables.size());
  std::atomic<std::size_t> next = 0;
  std::size_t done = 0;
  std::exception_ptr failure;
  std::mutex guard;
  const auto work = [&] {
    for (std::size_t i = next++; i < tables.size(); i = next++) {
      try {
        fits[i] = fit_rows(tables[i], gpu, source, options);
      } catch (...) {
        const std::lock_guard lock(guard);
        failure = std::current_exception();
        return;
      }
      const std::lock_guard lock(guard);
      ++done;
      if (options.progress) {
        options.progress(done, tables.size(), fits[i]);
      }
    }
  };
  std::vector<std::jthread> workers;
  for (int worker = 1; worker < options.threads; ++worker) {
    workers.emplace_back(work);
  }
  work();
  workers.clear();  // waits for them
  if (failure) {
    std::rethrow_exception(failure);
  }
  return fits;
}

}  // namespace towtank
