// From the name of a model as a table of runs writes it to its architecture.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/model/architecture.hpp"
#include "sim/published/published_run.hpp"

namespace towtank {

/// A model, and what was taken for granted about it.
struct FoundModel {
  Architecture model;
  std::vector<std::string> assumptions;
};

/// The model files of a directory, by their names and by the other names people use.
class ModelLibrary {
 public:
  /// `directory` has a file for each model; `names` is a file of other names and of words for runs
  /// that are no pre-training (scenarios/published/names.toml). InputError and EnvironmentError as
  /// reading them has it.
  ModelLibrary(const std::string& directory, const std::string& names);

  /// The model of a run. Its name may add words ("Instruct", "SFT", "Meta", a size) and a number of
  /// layers ("proxy (2 layers)", "truncated to 4 layers"), or state a GPT's sizes ("h8192 L48
  /// a64"). InputError when no model of the library answers to it, when its parameters are not
  /// those the row states, and for runs of another kind.
  FoundModel model_of(const PublishedRun& run) const;

 private:
  struct OtherKind {
    std::string words;
    std::string reason;
  };

  void refuse_other_kinds(const PublishedRun& run) const;
  std::string file_of(const std::string& key) const;

  std::string directory_;
  std::map<std::string, std::string> files_;  // name_key -> path
  std::vector<std::string> names_;            // as the files write them, for hints
  std::vector<std::string> ignored_;          // words before or after a name
  std::vector<OtherKind> other_kinds_;
};

}  // namespace towtank
