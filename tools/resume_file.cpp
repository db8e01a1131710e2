#include "tools/resume_file.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "reports/published_json.hpp"
#include "sim/base/error.hpp"
#include "sim/profile/tables/text_file.hpp"
#include "tools/commands.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kOffset = 0xcbf29ce484222325;  // FNV-1a, 64 bits
constexpr std::uint64_t kPrime = 0x100000001b3;

std::uint64_t hashed(std::uint64_t hash, std::string_view text) {
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * kPrime;
  }
  return (hash ^ 0xffU) * kPrime;  // an end, so that "ab","c" is not "a","bc"
}

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory, error)) {
    if (entry.is_regular_file()) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

AnswerKeys::AnswerKeys(const std::string& data) : data_(hashed(kOffset, kVersion)) {
  for (const char* const folder :
       {"profiles", "scenarios/models", "scenarios/stacks", "scenarios/published"}) {
    for (const fs::path& file : files_below(fs::path(data) / folder)) {
      data_ = hashed(data_, read_text_file(file.string()));
    }
  }
}

std::string AnswerKeys::of(const PublishedRun& run) const {
  std::uint64_t hash = data_;
  for (const std::string& cell : run.cells) {
    hash = hashed(hash, cell);
  }
  return fmt::format("{:016x}", hash);
}

ResumeFile::ResumeFile(const std::string& path) {
  if (path.empty()) {
    return;
  }
  bool whole = true;  // the last line ends
  if (fs::exists(path)) {
    std::ifstream old(path);
    std::string line;
    while (std::getline(old, line)) {
      whole = !old.eof();
      if (std::optional<KeyedCase> entry = case_of_line(line)) {
        known_[entry->key] = std::move(entry->result);
      }
    }
  }
  file_.open(path, std::ios::app);
  if (!file_) {
    throw EnvironmentError("cannot write " + path);
  }
  if (!whole) {
    file_ << '\n';
  }
}

const RunCase* ResumeFile::find(const std::string& key) const {
  const auto found = known_.find(key);
  return found == known_.end() ? nullptr : &found->second;
}

void ResumeFile::keep(const std::string& key, const RunCase& result) {
  if (file_.is_open()) {
    file_ << case_line(result, key) << '\n' << std::flush;
  }
}

}  // namespace towtank
