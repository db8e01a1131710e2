#include "sim/profile/fit/fit_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "sim/base/suggest.hpp"
#include "sim/model/op_shape.hpp"
#include "sim/profile/fit/base64.hpp"
#include "sim/profile/fit/directions.hpp"
#include "sim/profile/fit/fit_rows.hpp"

namespace towtank {
namespace {

constexpr double kResidualUnit = 1e-4;

bool is_attention(OpKind kind) {
  return shape_form(kind) == ShapeForm::kAttention;
}

bool is_moe(OpKind kind) {
  return kind == OpKind::kMoeLayer;
}

// Writing.

void write_size(std::string& text, Axis axis, double coordinate) {
  fmt::format_to(std::back_inserter(text), "{:.9g}", size_at(axis, coordinate));
}

void write_sizes(std::string& text, std::span<const Axis> axes, std::span<const double> at) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (i > 0) {
      text += ' ';
    }
    write_size(text, axes[i], at[i]);
  }
  text += ':';
}

void write_factors(std::string& text, const KernelFit& fit) {
  const auto rank = static_cast<std::size_t>(fit.log_slowdown.rank);
  const std::span<const Axis> axes = fit.axes;
  std::size_t first = 0;
  text += "factors = \"\"\"\n";
  for (std::size_t d = 0; d < fit.log_slowdown.sites.size(); ++d) {
    const Sites& sites = fit.log_slowdown.sites[d];
    const std::vector<float>& factors = fit.log_slowdown.factors[d];
    for (std::size_t axis = 0; axis < sites.width; ++axis) {
      text += axis == 0 ? "" : " ";
      text += name(axes[first + axis]);
    }
    text += '\n';
    for (std::size_t site = 0; site < sites.count(); ++site) {
      write_sizes(text, axes.subspan(first, sites.width), sites.site(site));
      text += factors.empty() ? "" : " ";
      for (std::size_t r = 0; r < (factors.empty() ? 0 : rank); ++r) {
        const double factor = static_cast<double>(factors[site * rank + r]);
        write_base64(text, std::lround(factor / fit.unit), fit.letters);
      }
      text += '\n';
    }
    first += sites.width;
  }
  text += "\"\"\"\n";
}

void write_points(std::string& text, const KernelFit& fit) {
  text += "points = \"\"\"\n";
  for (const FitPoint& point : fit.points) {
    write_sizes(text, fit.axes, point.at);
    fmt::format_to(std::back_inserter(text), " {:.4g}", point.time / microsecond);
    if (fit.complete) {
      fmt::format_to(std::back_inserter(text), " {}", std::lround(point.residual / kResidualUnit));
    }
    text += '\n';
  }
  text += "\"\"\"\n";
}

std::string error_text(const FitError& error) {
  std::string limits;
  std::string at_sites;
  for (std::size_t i = 0; i < error.at_knots.size(); ++i) {
    at_sites += fmt::format("{}{:.3g}", i == 0 ? "" : ", ", error.at_knots[i]);
    if (i + 1 < error.at_knots.size()) {
      limits += fmt::format("{}{:.4g}", i == 0 ? "" : ", ", error.time_limits[i] / 1e-6);
    }
  }
  return fmt::format(
      "median_error = {:.3g}\np90_error = {:.3g}\nerror_of_measured = {:.3g}\n"
      "error_per_doubling = {:.3g}\n"
      "error_per_doubling_outside = {:.3g}\nerrors = [{}]\nerror_limits_us = [{}]\n",
      error.median,
      error.p90,
      error.of_measured,
      error.per_doubling,
      error.per_doubling_outside,
      at_sites,
      limits);
}

// Reading.

/// The lines of a multi-line string.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line) {
    if (rest_.empty()) {
      return false;
    }
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return true;
  }

  /// Of the line that next() gave, from 1.
  int number() const { return number_; }

 private:
  std::string_view rest_;
  int number_ = 0;
};

/// The words of a line, separated by spaces.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view next() {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t\r"), rest_.size());
    rest_.remove_prefix(begin);
    const std::size_t end = std::min(rest_.find_first_of(" \t\r"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }

 private:
  std::string_view rest_;
};

template <typename Number>
std::optional<Number> parsed(std::string_view word) {
  Number number = {};
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (problem != std::errc() || end != word.data() + word.size()) {
    return std::nullopt;
  }
  return number;
}

/// Reports what is wrong with a line of a multi-line string, of each string the first.
class BlockReader {
 public:
  BlockReader(TomlTable& table, std::string key) : table_(table), key_(std::move(key)) {}

  bool sound() const { return sound_; }

  void mistake(int line, const std::string& what, const std::string& hint) {
    if (!sound_) {
      return;
    }
    sound_ = false;
    // The text starts in the line after the quotes.
    table_.mistake(
        key_,
        fmt::format(
            "'{}.{}', line {}: {}", table_.path(), key_, table_.place(key_).line + line, what),
        hint);
  }

  /// The sizes of one line up to their colon, as coordinates.
  std::vector<double> coordinates(Words& words, std::span<const Axis> axes, int line) {
    std::vector<double> at;
    at.reserve(axes.size());
    for (std::size_t i = 0; i < axes.size() && sound_; ++i) {
      std::string_view word = words.next();
      const bool last = i + 1 == axes.size();
      const bool colon = word.ends_with(':');
      if (colon) {
        word.remove_suffix(1);
      }
      const std::optional<double> size = parsed<double>(word);
      const double least = axes[i] == Axis::kSkew ? 0.0 : 1e-12;
      if (!size || !std::isfinite(*size) || *size < least || *size > 1e15 || colon != last) {
        mistake(line,
                fmt::format("expected {} {} and a colon, found \"{}\"",
                            axes.size(),
                            axes.size() == 1 ? "size" : "sizes",
                            shown(word)),
                "a line is the sizes, a colon, and the rest: \"4096: gAf+...\"");
        return {};
      }
      at.push_back(coordinate_of_size(axes[i], *size));
    }
    return at;
  }

 private:
  TomlTable& table_;
  std::string key_;
  bool sound_ = true;
};

/// The axes that a line names, nothing when it is no such line.
std::optional<std::vector<Axis>> axes_of_line(std::string_view line) {
  std::vector<Axis> axes;
  Words words(line);
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    const std::optional<Axis> axis = axis_named(word);
    if (!axis) {
      return std::nullopt;
    }
    axes.push_back(*axis);
  }
  return axes;
}

/// Whether the fit's kind of op lies on these axes, each once.
bool is_known_direction(const KernelFit& fit, const std::vector<Axis>& axes) {
  const std::vector<std::vector<Axis>>& known = directions_of(fit.key.kind);
  const bool of_kind =
      std::ranges::find(known, axes) != known.end() || axes == std::vector<Axis>{Axis::kSms};
  return of_kind && std::ranges::find(fit.axes, axes.front()) == fit.axes.end();
}

std::string direction_text(const std::vector<Axis>& direction) {
  std::string text;
  for (const Axis axis : direction) {
    text += text.empty() ? "" : " ";
    text += name(axis);
  }
  return text;
}

/// The directions of this kind of op without those on the axes found.
std::string missing_directions(OpKind kind, const std::vector<Axis>& found) {
  std::string missing;
  for (const std::vector<Axis>& direction : directions_of(kind)) {
    if (std::ranges::find(found, direction.front()) == found.end()) {
      missing += missing.empty() ? "" : ", ";
      missing += direction_text(direction);
    }
  }
  return missing;
}

/// A line that opens a direction.
void open_direction(std::string_view line, int number, BlockReader& block, KernelFit& fit) {
  const std::optional<std::vector<Axis>> axes = axes_of_line(line);
  if (!axes || axes->empty() || !is_known_direction(fit, *axes)) {
    block.mistake(
        number,
        fmt::format("expected the axes of a direction, found \"{}\"", shown(line)),
        fmt::format(
            "{} has, each once: {}", name(fit.key.kind), missing_directions(fit.key.kind, {})));
    return;
  }
  fit.axes.insert(fit.axes.end(), axes->begin(), axes->end());
  fit.log_slowdown.sites.push_back({.width = axes->size(), .at = {}});
  fit.log_slowdown.factors.emplace_back();
}

/// The factors behind a site's sizes: the letters of each in turn, without spaces.
void read_site_factors(std::string_view letters, int number, BlockReader& block, KernelFit& fit) {
  const auto rank = static_cast<std::size_t>(fit.log_slowdown.rank);
  const auto each = static_cast<std::size_t>(fit.letters);
  if (letters.size() != rank * each) {
    block.mistake(
        number,
        fmt::format(
            "expected {} factors of {} letters, found {} letters", rank, each, letters.size()),
        "as many factors as the rank; a direction of one site may leave them out");
    return;
  }
  for (std::size_t at = 0; at < letters.size(); at += each) {
    const std::optional<long> factor = read_base64(letters.substr(at, each));
    if (!factor) {
      block.mistake(number,
                    fmt::format("\"{}\" is no number in base 64", shown(letters.substr(at, each))),
                    "letters are A to Z, a to z, 0 to 9, + and /");
      return;
    }
    fit.log_slowdown.factors.back().push_back(
        static_cast<float>(static_cast<double>(*factor) * fit.unit));
  }
}

/// A line of a site and its factors.
void read_site(std::string_view line, int number, BlockReader& block, KernelFit& fit) {
  Separable& function = fit.log_slowdown;
  Sites& sites = function.sites.back();
  const std::span<const Axis> axes = std::span<const Axis>(fit.axes).last(sites.width);
  Words words(line);
  const std::vector<double> at = block.coordinates(words, axes, number);
  if (!block.sound()) {
    return;
  }
  const bool first = sites.at.empty();
  if (!first && !std::ranges::lexicographical_compare(sites.site(sites.count() - 1), at)) {
    block.mistake(number, "the sizes do not ascend", "sort the lines by their sizes");
    return;
  }
  sites.at.insert(sites.at.end(), at.begin(), at.end());
  const std::string_view letters = words.next();
  if (!letters.empty() || !first) {
    read_site_factors(letters, number, block, fit);
  }
  const std::string_view more = words.next();
  if (!more.empty()) {
    block.mistake(number,
                  fmt::format("expected nothing behind the factors, found \"{}\"", shown(more)),
                  "the letters of a line's factors are one word");
  }
}

/// Missing directions, directions without sites, and several sites without factors.
void check_directions(BlockReader& block, int last_line, const KernelFit& fit) {
  const Separable& function = fit.log_slowdown;
  const auto rank = static_cast<std::size_t>(function.rank);
  const std::string missing = missing_directions(fit.key.kind, fit.axes);
  if (!missing.empty()) {
    block.mistake(last_line,
                  fmt::format("no factors along {}", missing),
                  fmt::format("a fit of {} lies on all its sizes; one that never changed is a "
                              "direction of one site without factors",
                              name(fit.key.kind)));
    return;
  }
  bool any = false;
  for (std::size_t d = 0; d < function.sites.size(); ++d) {
    const std::size_t count = function.sites[d].count();
    any = any || !function.factors[d].empty();
    const bool whole = function.factors[d].size() == count * rank;
    if (count == 0 || (!whole && !(count == 1 && function.factors[d].empty()))) {
      block.mistake(
          last_line,
          fmt::format(
              "direction {} has {} sites and {} factors", d + 1, count, function.factors[d].size()),
          "every site needs as many factors as the rank");
      return;
    }
  }
  if (!any) {
    block.mistake(last_line, "there are no factors", "");
  }
}

void read_factors(TomlTable& table, KernelFit& fit) {
  const std::string text = table.text("factors", "m\\n1: gAq3\\n2: f+k9");
  if (!table.sound("factors") || !table.sound("op") || !table.sound("rank") ||
      !table.sound("letters") || !table.sound("unit")) {
    return;
  }
  BlockReader block(table, "factors");
  Lines lines(text);
  std::string_view line;
  while (block.sound() && lines.next(line)) {
    const bool opens = !line.empty() && line.front() >= 'a' && line.front() <= 'z';
    if (opens || fit.log_slowdown.sites.empty()) {
      open_direction(line, lines.number(), block, fit);
    } else {
      read_site(line, lines.number(), block, fit);
    }
  }
  if (block.sound()) {
    check_directions(block, lines.number(), fit);
  }
}

/// Whether every part of the place is a site.
bool lies_on_sites(const KernelFit& fit, std::span<const double> at) {
  std::size_t first = 0;
  for (const Sites& sites : fit.log_slowdown.sites) {
    const Blend near = blend(sites, at.subspan(first, sites.width));
    if (near.between > kSamePlace || near.outside > kSamePlace) {
      return false;
    }
    first += sites.width;
  }
  return true;
}

void read_points(TomlTable& table, KernelFit& fit) {
  const std::string text = table.text_or("points", "");
  if (!table.sound("points") || !table.sound("factors") || fit.axes.empty()) {
    return;
  }
  BlockReader block(table, "points");
  Lines lines(text);
  std::string_view line;
  while (block.sound() && lines.next(line)) {
    Words words(line);
    FitPoint point;
    point.at = block.coordinates(words, fit.axes, lines.number());
    if (!block.sound()) {
      break;
    }
    const std::optional<double> time = parsed<double>(words.next());
    if (!time || !(*time > 0.0) || !(*time < 1e15)) {
      block.mistake(lines.number(), "expected a time in microseconds behind the colon", "");
      break;
    }
    point.time = *time * microsecond;
    const std::string_view next = words.next();
    const std::optional<long> residual = parsed<long>(next);
    if (fit.complete ? !residual || std::abs(*residual) > 1'000'000 : !next.empty()) {
      block.mistake(lines.number(),
                    fit.complete ? "expected a residual, a whole number, behind the time"
                                 : "expected nothing behind the time",
                    "residuals belong to the points of complete fits, and only to them");
      break;
    }
    point.residual = static_cast<double>(residual.value_or(0)) * kResidualUnit;
    if (!lies_on_sites(fit, point.at)) {
      block.mistake(lines.number(), "the point's sizes are none of those of the factors", "");
      break;
    }
    fit.points.push_back(std::move(point));
  }
}

FitError read_error(TomlTable& table) {
  constexpr NumberRange kRange = {.least = 1e-4, .most = 0.95, .example = 0.1};
  constexpr NumberRange kSummaryRange = {.least = 0.0, .most = 1e6, .example = 0.02};
  FitError error;
  error.median = table.number("median_error", kSummaryRange);
  error.p90 = table.number("p90_error", kSummaryRange);
  error.of_measured = table.number("error_of_measured", kRange);
  error.per_doubling = table.number("error_per_doubling", kRange);
  error.per_doubling_outside = table.number("error_per_doubling_outside", kRange);
  error.at_knots = table.numbers("errors", kRange);
  error.time_limits =
      table.numbers("error_limits_us", {.least = 1e-6, .most = 1e15, .example = 10.0});
  for (double& limit : error.time_limits) {
    limit *= 1e-6;
  }
  if (table.sound("errors") && table.sound("error_limits_us") &&
      error.at_knots.size() != error.time_limits.size() + 1) {
    table.mistake("errors",
                  fmt::format("'{}.errors' has {} numbers for {} limits",
                              table.path(),
                              error.at_knots.size(),
                              error.time_limits.size()),
                  "there is one error up to each limit, and one beyond the last");
  } else if (!std::ranges::is_sorted(error.time_limits)) {
    table.mistake("error_limits_us", "the limits do not ascend");
  }
  error.time_limits.push_back(std::numeric_limits<double>::infinity());
  if (error.at_knots.size() != error.time_limits.size()) {
    error = FitError();
  }
  return error;
}

template <typename Enum>
Enum word_of(TomlTable& table, std::string_view key, const std::vector<Enum>& all) {
  std::vector<std::string> words;
  words.reserve(all.size());
  for (const Enum one : all) {
    words.emplace_back(name(one));
  }
  const std::string word = table.word(key, words);
  return all[static_cast<std::size_t>(std::ranges::find(words, word) - words.begin())];
}

KernelKey read_key(TomlTable& table) {
  KernelKey key;
  key.kind = word_of(table, "op", all_op_kinds());
  key.precision = word_of(table, "precision", all_precisions());
  key.library = table.text_or("library", "");
  if (is_attention(key.kind)) {
    key.window = table.integer_or("window", 0, {.least = 0, .most = 1'000'000'000, .example = 128});
    key.narrow_values = table.flag_or("narrow_values", false);
  }
  const bool in_bytes = shape_form(key.kind) == ShapeForm::kCollective;
  if (in_bytes && key.precision != Precision::kBf16 && table.sound("precision")) {
    table.mistake(
        "precision",
        fmt::format("'{}.precision' is \"{}\", but collectives of any element share a fit",
                    table.path(),
                    name(key.precision)),
        "write \"bf16\": the size of what is added up is the axis element-bytes");
  }
  if (is_moe(key.kind)) {
    key.gated = table.flag_or("gated", true);
  }
  return key;
}

}  // namespace

std::string fit_text(const KernelFit& fit) {
  std::string text = fmt::format(
      "[[fit]]\nop = \"{}\"\nprecision = \"{}\"\n", name(fit.key.kind), name(fit.key.precision));
  if (is_attention(fit.key.kind)) {
    if (fit.key.window != 0) {
      text += fmt::format("window = {}\n", fit.key.window);
    }
    if (fit.key.narrow_values) {
      text += "narrow_values = true\n";
    }
  }
  if (is_moe(fit.key.kind) && !fit.key.gated) {
    text += "gated = false\n";
  }
  if (!fit.key.library.empty()) {
    text += fmt::format("library = \"{}\"\n", fit.key.library);
  }
  text +=
      fmt::format("source = \"{}\"\nrows = {}\nfloor = \"{:.4g} us\"\nlongest = \"{:.4g} us\"\n",
                  fit.source,
                  fit.rows,
                  fit.floor / microsecond,
                  fit.longest / microsecond);
  if (fit.tile != 0) {
    text += fmt::format("tile = {}\n", fit.tile);
  }
  if (fit.sms != 0) {
    text += fmt::format("sms = {}\n", fit.sms);
  }
  text += error_text(fit.error);
  if (fit.complete) {
    text += "complete = true\nneighbour_weights = [";
    for (std::size_t i = 0; i < fit.neighbour_weights.size(); ++i) {
      text += fmt::format("{}{:.3g}", i == 0 ? "" : ", ", fit.neighbour_weights[i]);
    }
    text += "]\n";
  }
  text += fmt::format(
      "rank = {}\nletters = {}\nunit = {:.6g}\n", fit.log_slowdown.rank, fit.letters, fit.unit);
  write_factors(text, fit);
  if (!fit.points.empty()) {
    write_points(text, fit);
  }
  return text;
}

KernelFit read_fit(TomlTable& table) {
  KernelFit fit;
  fit.key = read_key(table);
  fit.rows = table.integer("rows", {.least = 1, .example = 20000});
  fit.floor = table.time("floor");
  fit.longest = table.time_or("longest", {});
  fit.tile = table.integer_or("tile", 0, {.least = 0, .most = 4096, .example = 128});
  fit.sms =
      static_cast<int>(table.integer_or("sms", 0, {.least = 0, .most = 10000, .example = 132}));
  fit.error = read_error(table);
  fit.complete = table.flag_or("complete", false);
  fit.log_slowdown.rank = static_cast<int>(
      table.integer("rank", {.least = 1, .most = Separable::kMostRank, .example = 12}));
  fit.letters = static_cast<int>(
      table.integer("letters", {.least = 1, .most = kMostBase64Letters, .example = 2}));
  fit.unit = table.number("unit", {.least = 1e-12, .most = 1e3, .example = 5e-4});
  read_factors(table, fit);
  if (fit.complete) {
    fit.neighbour_weights =
        table.numbers("neighbour_weights", {.least = 0.0, .most = 1e3, .example = 0.5});
    if (table.sound("neighbour_weights") && table.sound("factors") &&
        fit.neighbour_weights.size() != fit.log_slowdown.sites.size()) {
      table.mistake("neighbour_weights",
                    fmt::format("'{}.neighbour_weights' has {} numbers for {} directions",
                                table.path(),
                                fit.neighbour_weights.size(),
                                fit.log_slowdown.sites.size()));
    }
  }
  read_points(table, fit);
  for (const std::string_view key :
       {"factors", "points", "neighbour_weights", "rank", "letters", "unit", "op"}) {
    if (!table.sound(key)) {
      fit.points.clear();
      fit.complete = false;
      return fit;
    }
  }
  index_points(fit);
  return fit;
}

}  // namespace towtank
