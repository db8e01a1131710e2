// Checked reading of TOML tables: typed values out, every mistake of a file collected with its
// place.
//
// A reader asks a table for each key it knows and finally calls finish(), which reports the keys
// that nobody asked for:
//
//   Mistakes mistakes;
//   TomlNode file = read_toml_file(path);             // throws for mistakes of grammar
//   TomlTable gpu(file, "", mistakes);
//   const auto sms = gpu.integer("sms", {.least = 1, .most = 1000, .example = 132});
//   const Bandwidth memory = gpu.bandwidth("memory_bandwidth");
//   for (TomlTable& point : gpu.tables("point")) { ...; point.finish(); }
//   gpu.finish();
//   mistakes.throw_if_any();
//
// A value that is missing or wrong is reported and replaced by a harmless stand-in, so that reading
// goes on; sound() tells checks across several values whether they may rely on them.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"
#include "sim/base/units.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {

/// The mistakes found so far, of one file or of several that are read together.
class Mistakes {
 public:
  /// Records a mistake in the value at `path` ("plan.pipeline"); an empty path concerns no value.
  void add(std::string_view path, Place place, std::string message, std::string hint = {});

  /// Records the mistakes of another reading, all in what stands at `path`.
  void add(const InputError& error, std::string_view path = {});

  /// Forgets what was recorded for `path`: a better explanation was found. It stays unsound.
  void explain_away(std::string_view path);

  /// Makes the value at `path` unsound: what it follows from is wrong.
  void distrust(std::string_view path);

  /// True when neither the value at `path` nor a table around it is unsound: nothing was recorded
  /// for them.
  bool sound(std::string_view path) const;

  bool empty() const { return entries_.empty(); }

  /// Throws InputError with every mistake once, ordered by place, unless there is none.
  void throw_if_any() const;

 private:
  struct Entry {
    std::string path;
    Diagnostic diagnostic;
  };
  std::vector<Entry> entries_;
  std::set<std::string, std::less<>> unsound_;
};

/// The integers a key accepts; `example` appears in the hint when the key is missing.
struct IntegerRange {
  std::int64_t least = 0;
  std::int64_t most = 1'000'000'000'000;
  std::int64_t example = 1;
};

/// The finite numbers a key accepts.
struct NumberRange {
  double least = 0.0;
  double most = 1e30;
  double example = 1.0;
};

/// A table being read. `number()` reports a missing key, `number_or()` does not, and so on. The
/// node and the mistakes must outlive the reader.
class TomlTable {
 public:
  /// `path` is the table's place among the keys ("" for the whole file). A node that is no table is
  /// a mistake, and then reads as a table whose missing keys are not reported.
  TomlTable(const TomlNode& node, std::string path, Mistakes& mistakes);

  TomlTable(TomlTable&&) = default;
  TomlTable& operator=(TomlTable&&) = default;
  TomlTable(const TomlTable&) = delete;
  TomlTable& operator=(const TomlTable&) = delete;
  ~TomlTable() = default;

  const std::string& path() const { return path_; }
  /// Whether the key is there; it counts as asked for, present or not.
  bool has(std::string_view key);
  /// The same, of a key that may have no business here: it does not count.
  bool holds(std::string_view key) const;

  /// The place of the key's value, of the table when it has no such key.
  Place place(std::string_view key) const;
  Place place() const { return place_; }

  /// True when the key's value was read without a mistake so far.
  bool sound(std::string_view key) const;

  /// Stand-in: the least value of the range that is not below 1, if there is one.
  std::int64_t integer(std::string_view key, IntegerRange range = {});
  std::int64_t integer_or(std::string_view key, std::int64_t fallback, IntegerRange range = {});
  /// Accepts integers as well. Stand-in: the range's example.
  double number(std::string_view key, NumberRange range = {});
  double number_or(std::string_view key, double fallback, NumberRange range = {});
  /// Not empty. Stand-in: "".
  std::string text(std::string_view key, std::string_view example);
  std::string text_or(std::string_view key, std::string fallback);
  bool flag(std::string_view key);
  bool flag_or(std::string_view key, bool fallback);

  /// One of the known words. Stand-in: the first of them.
  std::string word(std::string_view key, std::span<const std::string> known);
  std::string word_or(std::string_view key,
                      std::string fallback,
                      std::span<const std::string> known);

  /// Quantities are strings with a unit; zero is a mistake unless `zero` allows it. Stand-in: 1 of
  /// the base unit.
  enum class Zero { kRefused, kAllowed };
  Seconds time(std::string_view key, Zero zero = Zero::kAllowed);
  Bytes data(std::string_view key);
  Bandwidth bandwidth(std::string_view key);
  FlopRate flop_rate(std::string_view key);
  Price price(std::string_view key);
  Seconds time_or(std::string_view key, Seconds fallback);
  Bandwidth bandwidth_or(std::string_view key, Bandwidth fallback);
  FlopRate flop_rate_or(std::string_view key, FlopRate fallback);

  /// Arrays; wrong items are reported each at its place and left out. An absent optional array is
  /// empty.
  std::vector<std::int64_t> integers(std::string_view key, IntegerRange range = {});
  std::vector<std::int64_t> integers_or_none(std::string_view key, IntegerRange range = {});
  std::vector<double> numbers(std::string_view key, NumberRange range = {});
  std::vector<std::string> words(std::string_view key, std::span<const std::string> known);

  /// The table under `key`. `example` shows how to write it when it is missing. What is returned
  /// when it is missing, or known to be wrong before it is read, reports no mistakes of its own.
  TomlTable table(std::string_view key, std::string_view example);
  std::optional<TomlTable> optional_table(std::string_view key);
  /// The array of tables under `key` ([[key]]), empty when absent; paths "key.0", "key.1", ...
  std::vector<TomlTable> tables(std::string_view key);

  /// The keys of the table, sorted: for tables whose keys are names.
  std::vector<std::string> keys() const;

  /// Records a mistake at the value of `key`.
  void mistake(std::string_view key, std::string message, std::string hint = {});

  /// Reports the keys that were never asked for. A missing key of which an unknown key is plainly a
  /// misspelling is then not reported as well.
  void finish();

 private:
  const TomlNode* ask(std::string_view key);
  const TomlNode* require(std::string_view key, std::string_view example);
  std::string path_of(std::string_view key) const;
  void wrong(std::string_view path, const TomlNode& node, std::string_view expected);

  std::optional<std::int64_t> as_integer(std::string_view path,
                                         const TomlNode& node,
                                         IntegerRange range);
  std::optional<double> as_number(std::string_view path, const TomlNode& node, NumberRange range);
  std::optional<std::string> as_word(std::string_view path,
                                     const TomlNode& node,
                                     std::span<const std::string> known);
  std::string as_text(std::string_view key, const TomlNode& node);
  const TomlArray* as_array(std::string_view key, const TomlNode& node);
  double quantity(std::string_view key, Dimension dimension, Zero zero);
  double as_quantity(std::string_view key, const TomlNode& node, Dimension dimension, Zero zero);

  const TomlNode* node_;  // null when absent or no table
  Place place_;
  std::string path_;
  Mistakes* mistakes_;
  std::vector<std::string> asked_;
  std::vector<std::string> missing_;
};

}  // namespace towtank
