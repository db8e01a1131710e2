// Reading the fields of a Hugging Face config.json, and writing what they mean as a [model] table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/toml_document.hpp"
#include "sim/scenario/json_document.hpp"

namespace towtank {

/// The fields of one object, each marked when it is asked for; and the table made of them. A field
/// that is null is treated as one that is not there, unless it says otherwise.
class ConfigFields {
 public:
  /// `config` must outlive the reader. `whose` names the object in messages.
  ConfigFields(const JsonNode& config, std::string whose);

  // What the config says. A value of another type is a mistake, and then counts as absent.
  bool has(std::string_view field) const;  // it stands there, null or not
  std::optional<std::int64_t> integer(std::string_view field);
  std::optional<bool> flag(std::string_view field);
  std::optional<std::string> text(std::string_view field);
  std::vector<std::string> texts(std::string_view field);
  std::vector<std::int64_t> integers(std::string_view field);
  /// Records that it is missing.
  std::int64_t required(std::string_view field);
  /// From 1 to 10,000, whatever it says: what follows may be as long.
  std::int64_t required_layers(std::string_view field);

  // What the table says. `key` is a path in it ("attention.heads").
  void write(const std::string& key, std::int64_t value, std::string_view field);
  void write(const std::string& key, bool value, std::string_view field);
  void write(const std::string& key, const std::string& value, std::string_view field);
  /// Copies an integer that must be there, or one that may be absent.
  void copy(const std::string& key, std::string_view field);
  void copy_if_there(const std::string& key, std::string_view field);

  /// Records a mistake at a field: what it asks for is not modelled.
  void refuse(std::string_view field, const std::string& message, const std::string& hint = {});
  /// Records at a field that it is modelled in part.
  void note(std::string_view field, const std::string& message);

  /// Deals with the fields that nobody asked for: skips those without a bearing on time or memory,
  /// refuses those whose names speak of computation, lists the others among the warnings.
  void finish();

  TomlNode take_table() { return std::move(table_); }
  const std::vector<Diagnostic>& mistakes() const { return mistakes_; }
  const std::vector<Diagnostic>& warnings() const { return warnings_; }

 private:
  const JsonNode* ask(std::string_view field);
  Place place(std::string_view field) const;
  void wrong(std::string_view field, std::string_view expected, const JsonNode& found);
  void put_value(const std::string& key, TomlNode value);

  const JsonNode* config_;
  std::string whose_;
  std::vector<std::string> asked_;
  TomlNode table_;
  std::vector<Diagnostic> mistakes_;
  std::vector<Diagnostic> warnings_;
};

}  // namespace towtank
