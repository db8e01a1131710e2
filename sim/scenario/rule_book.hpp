// How rules between values are reported: each broken one once, at the value to change.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "sim/profile/toml_document.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/document.hpp"

namespace towtank {

/// The rule book: records a broken rule unless one of the values it is about is already known
/// wrong. Document and mistakes must outlive it.
class Rules {
 public:
  Rules(const TomlNode& document, Mistakes& mistakes)
      : document_(&document), mistakes_(&mistakes) {}

  bool sound(std::initializer_list<std::string_view> paths) const {
    return std::ranges::all_of(paths,
                               [this](std::string_view path) { return mistakes_->sound(path); });
  }

  /// `paths` are the values the rule is about; the first is the one to change, where the mistake is
  /// reported, and which then counts as wrong.
  void require(bool holds,
               std::initializer_list<std::string_view> paths,
               std::string message,
               std::string hint = {}) {
    if (!holds && sound(paths)) {
      mistakes_->add(*paths.begin(),
                     place_in(*document_, *paths.begin()),
                     std::move(message),
                     std::move(hint));
    }
  }

  void distrust(std::string_view path) { mistakes_->distrust(path); }

  bool given(std::string_view table, std::string_view key) const {
    const TomlMember* member = find_member(*document_, table);
    return member != nullptr && find_member(member->node, key) != nullptr;
  }

  const TomlNode& document() const { return *document_; }
  Mistakes& mistakes() { return *mistakes_; }

 private:
  const TomlNode* document_;
  Mistakes* mistakes_;
};

}  // namespace towtank
