#include "sim/cluster/edge_list.hpp"

#include <charconv>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr int kMostNodes = 1 << 22;
constexpr int kMostCards = 1024;
constexpr int kMostCables = 10'000;
constexpr std::size_t kMostTypes = 10'000;  // of cables; far from what a link's tag holds
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kMostMistakes = 50;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  line = line.substr(0, line.find('#'));
  constexpr std::string_view kBlank = " \t\r";
  for (std::size_t at = line.find_first_not_of(kBlank); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlank, end);
  }
  return words;
}

std::optional<int> whole_number(std::string_view text, int least, int most) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const bool good = error == std::errc() && rest == end && number >= least && number <= most;
  return good ? std::optional(number) : std::nullopt;
}

/// "node3.nic0"; nothing when it is not of this form.
std::optional<ListedCard> card_of(std::string_view word) {
  constexpr std::string_view kNode = "node";
  constexpr std::string_view kNic = ".nic";
  const std::size_t dot = word.find(kNic);
  if (!word.starts_with(kNode) || dot == std::string_view::npos) {
    return std::nullopt;
  }
  const auto node = whole_number(word.substr(kNode.size(), dot - kNode.size()), 0, kMostNodes - 1);
  const auto nic = whole_number(word.substr(dot + kNic.size()), 0, kMostCards - 1);
  return node && nic ? std::optional(ListedCard{.node = *node, .nic = *nic}) : std::nullopt;
}

bool is_name(std::string_view word) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/:";
  return !word.empty() && word.size() <= kLongestName &&
         word.find_first_not_of(kLetters) == std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(const std::string& file) : place_{.file = file} {}

  void read_line(std::string_view line) {
    ++place_.line;
    const std::vector<std::string_view> words = words_of(line);
    if (words.empty() || mistakes_.size() >= kMostMistakes) {
      return;
    }
    if (words.front() == "switch") {
      read_switch(words);
    } else {
      read_cable(words);
    }
  }

  EdgeList finish() {
    if (mistakes_.empty() && list_.cables.empty()) {
      place_.line = 0;
      mistake("no cables", "a line each, like: node0.nic0 leaf0");
    }
    if (!mistakes_.empty()) {
      throw InputError(std::move(mistakes_));
    }
    return std::move(list_);
  }

 private:
  void mistake(std::string message, std::string hint = {}) {
    mistakes_.push_back({.place = place_, .message = std::move(message), .hint = std::move(hint)});
  }

  int switch_of(std::string_view name) {
    const auto next = static_cast<int>(list_.switches.size());
    const auto [at, is_new] = indices_.emplace(name, next);
    if (is_new) {
      list_.switches.push_back({.name = std::string(name), .tier = 1, .place = place_});
    }
    return at->second;
  }

  void read_switch(const std::vector<std::string_view>& words) {
    constexpr std::string_view kHint = "switch NAME leaf, spine or core";
    if (words.size() != 3 || !is_name(words[1])) {
      mistake("expected the name of a switch and what it is for", std::string(kHint));
      return;
    }
    const int tier = words[2] == "leaf" ? 1 : words[2] == "spine" ? 2 : words[2] == "core" ? 3 : 0;
    if (tier == 0) {
      mistake(fmt::format("a switch is no \"{}\"", shown_word(words[2])), std::string(kHint));
      return;
    }
    list_.switches[static_cast<std::size_t>(switch_of(words[1]))].tier = tier;
  }

  static std::string shown_word(std::string_view word) {
    std::string text;
    for (const char letter : word.substr(0, kLongestName)) {
      text += letter >= ' ' && letter < '\x7f' ? letter : '?';
    }
    return text;
  }

  std::optional<ListedEnd> end_of(std::string_view word) {
    if (const auto card = card_of(word)) {
      return ListedEnd{.card = card};
    }
    if (!is_name(word)) {
      mistake(fmt::format("\"{}\" is neither a card nor the name of a switch", shown_word(word)),
              "cards are called node0.nic0; names have letters, digits, '_', '-', '/' and ':'");
      return std::nullopt;
    }
    return ListedEnd{.switch_index = switch_of(word)};
  }

  std::optional<double> quantity(std::string_view word, Dimension dimension) {
    const ParsedQuantity parsed = parse_quantity(word, dimension);
    if (parsed.problem) {
      mistake(fmt::format("\"{}\" is no {}",
                          shown_word(word),
                          dimension == Dimension::kTime ? "latency" : "bandwidth"),
              dimension == Dimension::kTime ? "like 0.3us" : "like 400Gbit/s");
      return std::nullopt;
    }
    return parsed.si;
  }

  /// Bandwidth, latency and number of cables, as far as they are there; false after a mistake.
  bool read_figures(const std::vector<std::string_view>& words, ListedCable& cable) {
    if (words.size() > 2) {
      const auto bandwidth = quantity(words[2], Dimension::kBandwidth);
      if (!bandwidth) {
        return false;
      }
      if (*bandwidth <= 0.0) {
        mistake("a cable without bandwidth", "leave the line out, or name a fault in the scenario");
        return false;
      }
      cable.bandwidth = Bandwidth(*bandwidth);
    }
    if (words.size() > 3) {
      const auto latency = quantity(words[3], Dimension::kTime);
      if (!latency) {
        return false;
      }
      cable.latency = Seconds(*latency);
    }
    if (words.size() > 4) {
      const auto cables = whole_number(words[4], 1, kMostCables);
      if (!cables) {
        mistake(fmt::format("expected a number of cables, found \"{}\"", shown_word(words[4])),
                fmt::format("from 1 to {}", kMostCables));
        return false;
      }
      cable.cables = *cables;
    }
    return true;
  }

  bool fits(const ListedCable& cable) {
    if (cable.a.card && cable.b.card) {
      mistake("a cable between two cards", "cards are joined by switches");
      return false;
    }
    if (!cable.a.card && !cable.b.card && cable.a.switch_index == cable.b.switch_index) {
      mistake("a cable from a switch to itself");
      return false;
    }
    const std::optional<ListedCard>& card = cable.a.card ? cable.a.card : cable.b.card;
    if (card && !cards_.emplace(card->node, card->nic).second) {
      mistake(fmt::format("node{}.nic{} has a cable already", card->node, card->nic),
              "a card with several ports is several cards: nics_per_gpu = 2");
      return false;
    }
    types_.emplace(cable.bandwidth.value_or(Bandwidth()).si(),
                   cable.latency.value_or(Seconds()).si(),
                   cable.cables);
    if (types_.size() > kMostTypes) {
      mistake("too many different kinds of cable");
      return false;
    }
    return true;
  }

  void read_cable(const std::vector<std::string_view>& words) {
    if (words.size() < 2 || words.size() > 5) {
      mistake("expected the two ends of a cable",
              "like: node0.nic0 leaf0, or: leaf0 spine0 400Gbit/s 0.3us 2");
      return;
    }
    const auto a = end_of(words[0]);
    const auto b = end_of(words[1]);
    if (!a || !b) {
      return;
    }
    ListedCable cable{.a = *a, .b = *b, .place = place_};
    if (read_figures(words, cable) && fits(cable)) {
      list_.cables.push_back(cable);
    }
  }

  Place place_;
  EdgeList list_;
  std::map<std::string, int, std::less<>> indices_;
  std::set<std::pair<int, int>> cards_;
  std::set<std::tuple<double, double, int>> types_;
  std::vector<Diagnostic> mistakes_;
};

}  // namespace

EdgeList parse_edge_list(std::string_view text, const std::string& file) {
  Reader reader(file);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reader.read_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}

}  // namespace towtank
