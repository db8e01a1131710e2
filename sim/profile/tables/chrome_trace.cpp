#include "sim/profile/tables/chrome_trace.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sim/base/error.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

/// Walks over the text and counts its lines, so that events know theirs.
class TextIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TextIterator(const char* at, std::uint32_t* line) : at_(at), line_(line) {}

  const char& operator*() const { return *at_; }
  TextIterator& operator++() {
    *line_ += *at_ == '\n' ? 1U : 0U;
    ++at_;
    return *this;
  }
  friend bool operator==(const TextIterator& a, const TextIterator& b) { return a.at_ == b.at_; }
  friend bool operator!=(const TextIterator& a, const TextIterator& b) { return a.at_ != b.at_; }

 private:
  const char* at_;
  std::uint32_t* line_;
};

constexpr std::int64_t kMostElements = 1'000'000'000'000'000;

/// What an event said, as far as it is of interest.
struct Event {
  std::uint32_t line = 0;
  std::string phase;
  std::string category;
  std::string name;
  std::optional<double> duration;  // us
  std::optional<std::int64_t> external_id;
  bool sized = false;
  std::vector<RecordedInput> inputs;
  std::vector<std::string> types;
  std::vector<std::string> values;
  Message message;
};

/// "[0, 1, 2]" as older versions write a list of ranks. What is no number ends it.
std::vector<std::int64_t> ranks_in(std::string_view text) {
  std::vector<std::int64_t> ranks;
  text.remove_prefix(text.starts_with('[') ? 1 : 0);
  while (!text.empty()) {
    std::int64_t rank = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
    if (error != std::errc()) {
      break;
    }
    ranks.push_back(rank);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  }
  return ranks;
}

/// Numbers distinct values in order of appearance.
template <typename Value>
class Register {
 public:
  explicit Register(std::vector<Value>& values) : values_(values) {}

  /// The index of `value`, which `key` spells.
  std::uint32_t index(const std::string& key, Value value) {
    const auto [place, fresh] = places_.emplace(key, static_cast<std::uint32_t>(values_.size()));
    if (fresh) {
      values_.push_back(std::move(value));
    }
    return place->second;
  }

 private:
  std::vector<Value>& values_;
  std::unordered_map<std::string, std::uint32_t> places_;
};

std::string key_of(const OperatorCall& call) {
  std::string key = fmt::format("{}\n{}", call.name, call.sized);
  for (const RecordedInput& input : call.inputs) {
    key += fmt::format("\n{} {} {}", input.elements, input.type, input.value);
    for (const std::int64_t dimension : input.dimensions) {
      key += fmt::format(",{}", dimension);
    }
  }
  return key;
}

std::string key_of(const Message& message) {
  return fmt::format("{} {} {} {} {} {}",
                     message.collective,
                     message.in_elements,
                     message.out_elements,
                     message.ranks,
                     message.type,
                     fmt::join(message.rank_names, ","));
}

/// Receives the JSON piece by piece. Levels are counted from the array of events: its items are
/// level 1, their `args` level 2, and lists inside `args` levels 3 and beyond.
class TraceReader {
 public:
  TraceReader(const std::string& file,
              const KernelMap& map,
              const std::uint32_t& line,
              ChromeTrace& trace)
      : file_(file),
        line_(line),
        trace_(trace),
        kernel_names_(trace.kernel_names),
        calls_(trace.calls),
        messages_(trace.messages) {
    for (const OperatorRule& rule : map.operators) {
      operators_.insert(rule.name);
    }
  }

  bool found_events() const { return found_events_; }

  // What nlohmann::json calls.

  // NOLINTBEGIN(readability-identifier-naming)
  bool null() { return scalar("", std::nullopt); }
  bool boolean(bool value) { return scalar(value ? "True" : "False", std::nullopt); }
  bool number_integer(std::int64_t value) { return scalar("", static_cast<double>(value), value); }
  bool number_unsigned(std::uint64_t value) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    return scalar(
        "", static_cast<double>(value), static_cast<std::int64_t>(std::min(value, kMost)));
  }
  bool number_float(double value, const std::string& /*text*/) { return scalar("", value); }
  bool string(std::string& value) { return scalar(value, std::nullopt); }
  bool binary(nlohmann::json::binary_t& /*value*/) { return true; }
  bool start_object(std::size_t /*size*/) { return open(false); }
  bool start_array(std::size_t /*size*/) { return open(true); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& value) {
    if (level() == 1) {
      event_key_ = value;
    } else if (level() == 2 && in_args_) {
      argument_ = value;
    } else if (events_depth_ == 0) {
      outer_key_ = value;
      root_key_ = depth_ == 1 ? value : root_key_;
    }
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string& /*last_token*/,
                   const nlohmann::json::exception& error) {
    error_position_ = position;
    error_ = error.what();
    return false;
  }
  // NOLINTEND(readability-identifier-naming)

  /// Throws InputError for what the parser reported.
  [[noreturn]] void fail(std::string_view text) const {
    const std::string_view read = text.substr(0, error_position_ == 0 ? 0 : error_position_ - 1);
    std::string_view what = error_;  // "[json.exception.x.101] parse error at ...: what"
    what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
    if (what.starts_with("parse error")) {
      what.remove_prefix(std::min(what.find(": ") + 2, what.size()));
    }
    throw InputError({.file = file_, .line = static_cast<int>(std::ranges::count(read, '\n')) + 1},
                     fmt::format("no JSON: {}", shown(what, 200)),
                     error_position_ >= text.size()
                         ? "the trace breaks off; the profiler did not finish writing it"
                         : "");
  }

 private:
  int level() const { return events_depth_ == 0 ? -1 : depth_ - events_depth_; }

  bool open(bool array) {
    ++depth_;
    if (events_depth_ == 0) {
      if (array && (depth_ == 1 || (depth_ == 2 && root_key_ == "traceEvents"))) {
        events_depth_ = depth_;
        found_events_ = true;
      } else if (!array && depth_ == 3 && root_key_ == "deviceProperties") {
        ++trace_.gpus;
      }
      return true;
    }
    if (level() == 1) {
      event_ = {};
      event_.line = line_;
      event_key_.clear();
    } else if (level() == 2) {
      in_args_ = !array && event_key_ == "args";
      argument_.clear();
    } else if (in_args_) {
      open_list();
    }
    return true;
  }

  bool close() {
    if (level() == 0) {
      events_depth_ = 0;
      --depth_;
      return true;
    }
    if (level() == 1) {
      finish_event();
    } else if (level() == 2) {
      in_args_ = false;
    } else if (level() == 5 && in_args_ && is_dimensions()) {
      add_elements();
    }
    --depth_;
    return true;
  }

  bool is_dimensions() const { return argument_ == "Input Dims" || argument_ == "Input dims"; }

  /// A list inside `args`: level 3 is the argument, 4 one input of it, 5 one tensor of a list.
  void open_list() {
    if (is_dimensions()) {
      event_.sized = true;
      if (level() == 4) {
        event_.inputs.emplace_back();
      } else if (level() == 5) {
        elements_ = 1;
      }
    } else if (level() == 4 && argument_ == "Input type") {
      event_.types.emplace_back();
    } else if (level() == 4 && argument_ == "Concrete Inputs") {
      event_.values.emplace_back();
    }
  }

  bool scalar(const std::string& text,
              std::optional<double> number,
              std::optional<std::int64_t> whole = std::nullopt) {
    if (events_depth_ == 0) {
      if (depth_ == 3 && root_key_ == "deviceProperties" && outer_key_ == "name" &&
          trace_.device.empty()) {
        trace_.device = text;
      }
    } else if (level() == 1) {
      event_field(text, number);
    } else if (in_args_ && level() == 2) {
      argument(text, whole);
    } else if (in_args_) {
      list_item(text, whole);
    }
    return true;
  }

  void event_field(const std::string& text, std::optional<double> number) {
    if (event_key_ == "ph") {
      event_.phase = text;
    } else if (event_key_ == "cat") {
      event_.category = text;
    } else if (event_key_ == "name") {
      event_.name = text;
    } else if (event_key_ == "dur") {
      event_.duration = number;
    }
  }

  void argument(const std::string& text, std::optional<std::int64_t> whole) {
    if (argument_ == "External id" || argument_ == "external id") {
      event_.external_id = whole;
    } else if (argument_ == "Collective name") {
      event_.message.collective = text;
    } else if (argument_ == "In msg nelems") {
      event_.message.in_elements = whole.value_or(0);
    } else if (argument_ == "Out msg nelems") {
      event_.message.out_elements = whole.value_or(0);
    } else if (argument_ == "Group size") {
      event_.message.ranks = whole.value_or(0);
    } else if (argument_ == "dtype") {
      event_.message.type = text;
    } else if (argument_ == "Process Group Ranks") {
      event_.message.rank_names = ranks_in(text);
    }
  }

  void list_item(const std::string& text, std::optional<std::int64_t> whole) {
    if (is_dimensions()) {
      dimension(whole.value_or(-1));
    } else if (level() == 3 && argument_ == "Input type") {
      event_.types.push_back(text);
    } else if (level() == 3 && argument_ == "Concrete Inputs") {
      event_.values.push_back(text);
    } else if (level() == 3 && argument_ == "Process Group Ranks" && whole) {
      event_.message.rank_names.push_back(*whole);
    }
  }

  void dimension(std::int64_t value) {
    if (level() == 3) {
      event_.inputs.emplace_back();
    } else if (level() == 4) {
      event_.inputs.back().dimensions.push_back(value);
    } else if (level() == 5 && elements_ >= 0) {
      const bool fits = value >= 0 && value <= kMostElements / std::max<std::int64_t>(elements_, 1);
      elements_ = fits ? elements_ * value : -1;
    }
  }

  /// A tensor of a list ends: its elements join those of the list, which stay -1 once they were too
  /// many to be true.
  void add_elements() {
    std::int64_t& sum = event_.inputs.back().elements;
    sum = sum < 0 || elements_ < 0 || elements_ > kMostElements - sum ? -1 : sum + elements_;
  }

  void finish_event() {
    ++trace_.events;
    if (event_.phase != "X") {
      return;
    }
    if (event_.category == "kernel" || event_.category == "Kernel") {
      add_kernel();
    } else if (event_.category == "cpu_op" || event_.category == "Operator") {
      add_call();
    }
  }

  void add_kernel() {
    const Place place = {.file = file_, .line = static_cast<int>(event_.line)};
    if (event_.name.empty()) {
      throw InputError(place, "a kernel without a name");
    }
    if (!event_.duration || !std::isfinite(*event_.duration) || *event_.duration < 0.0) {
      throw InputError(place,
                       fmt::format("the kernel {} has no duration", shown(event_.name)),
                       "expected \"dur\" in microseconds, zero or more");
    }
    TracedKernel kernel = {.name = kernel_names_.index(event_.name, event_.name),
                           .line = event_.line,
                           .message = std::nullopt,
                           .external_id = event_.external_id,
                           .time = *event_.duration * microsecond};
    if (!event_.message.collective.empty()) {
      kernel.message = message_index();
    }
    trace_.kernels.push_back(kernel);
  }

  std::uint32_t message_index() {
    const std::string key = key_of(event_.message);
    return messages_.index(key, std::move(event_.message));
  }

  void add_call() {
    if (!event_.external_id) {
      return;
    }
    if (!event_.message.collective.empty()) {
      trace_.message_of[*event_.external_id] = message_index();
    }
    if (!operators_.contains(event_.name)) {
      return;
    }
    OperatorCall call = {
        .name = std::move(event_.name), .sized = event_.sized, .inputs = std::move(event_.inputs)};
    call.inputs.resize(std::max({call.inputs.size(), event_.types.size(), event_.values.size()}));
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      call.inputs[i].type = i < event_.types.size() ? event_.types[i] : "";
      call.inputs[i].value = i < event_.values.size() ? event_.values[i] : "";
    }
    const std::string key = key_of(call);
    trace_.call_of[*event_.external_id] = calls_.index(key, std::move(call));
  }

  const std::string& file_;
  const std::uint32_t& line_;
  ChromeTrace& trace_;
  Register<std::string> kernel_names_;
  Register<OperatorCall> calls_;
  Register<Message> messages_;
  std::unordered_set<std::string> operators_;  // that are worth keeping

  int depth_ = 0;         // open objects and arrays
  int events_depth_ = 0;  // of the array of events; zero: not inside of it
  bool found_events_ = false;
  bool in_args_ = false;
  std::string root_key_;   // outside of the events: the key of the whole document's object
  std::string outer_key_;  // and the innermost
  std::string event_key_;
  std::string argument_;
  std::int64_t elements_ = 0;  // of a tensor of a list
  Event event_;
  std::size_t error_position_ = 0;
  std::string error_;
};

}  // namespace

ChromeTrace read_chrome_trace(std::string_view text,
                              const std::string& file,
                              const KernelMap& map) {
  ChromeTrace trace;
  std::uint32_t line = 1;
  TraceReader reader(file, map, line, trace);
  const TextIterator first(text.data(), &line);
  const TextIterator last(text.data() + text.size(), &line);
  if (!nlohmann::json::sax_parse(first, last, &reader)) {
    reader.fail(text);
  }
  if (!reader.found_events()) {
    throw InputError({.file = file, .line = 1},
                     "no \"traceEvents\": this is not a Chrome trace",
                     "give what torch.profiler's export_chrome_trace wrote");
  }
  return trace;
}

}  // namespace towtank
