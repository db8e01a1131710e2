// Answers kept as they are found, so that an interrupted validation goes on where it stopped.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "sim/published/run_case.hpp"

namespace towtank {

/// What an answer rests on, as one word: the row, the program's version, and every data file that
/// projections read (profiles, models, stacks, names).
class AnswerKeys {
 public:
  /// Reads the files below `data`.
  explicit AnswerKeys(const std::string& data);

  std::string of(const PublishedRun& run) const;

 private:
  std::uint64_t data_ = 0;
};

/// A file of lines, one an answer. Without a path it keeps nothing.
class ResumeFile {
 public:
  /// Reads what is there already; lines that were cut off are passed over. EnvironmentError when
  /// the file can be neither read nor made.
  explicit ResumeFile(const std::string& path);

  /// The answer of this key, or null.
  const RunCase* find(const std::string& key) const;

  /// Keeps an answer, on disk at once.
  void keep(const std::string& key, const RunCase& result);

 private:
  std::map<std::string, RunCase> known_;
  std::ofstream file_;
};

}  // namespace towtank
