#include "tools/profile_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/op_text.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

/// A directory of our own beside a file, so that what is written there can be renamed to it. Gone
/// with everything in it when this goes.
class Workbench {
 public:
  explicit Workbench(const fs::path& file) {
    const fs::path folder = file.parent_path().empty() ? "." : file.parent_path();
    std::string pattern = (folder / ("." + file.filename().string() + ".XXXXXX")).string();
    if (mkdtemp(pattern.data()) == nullptr) {
      throw EnvironmentError(
          fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    }
    path_ = pattern;
  }
  ~Workbench() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    throw EnvironmentError(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  }
}

/// Reads a draft; mistakes are reported where they will stand in the file.
Profile read_draft(const fs::path& draft, const std::string& path, const std::string& profiles) {
  try {
    return read_profile_named_or_at(profiles, draft.string());
  } catch (const InputError& error) {
    std::vector<Diagnostic> mistakes = error.diagnostics();
    for (Diagnostic& mistake : mistakes) {
      if (mistake.place.file == draft.string()) {
        mistake.place.file = path;
      }
    }
    throw InputError(std::move(mistakes));
  }
}

}  // namespace

std::string hand_written_part(std::string_view text) {
  std::string part;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(kGeneratedMarker)) {
      break;
    }
    part.append(line).append("\n");
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  while (part.ends_with("\n\n")) {
    part.pop_back();
  }
  return part;
}

std::string renamed(std::string_view hand_written, std::string_view name) {
  std::string result;
  bool top_level = true;
  while (!hand_written.empty()) {
    const std::string_view line = hand_written.substr(0, hand_written.find('\n'));
    top_level = top_level && !line.starts_with("[");
    const bool is_name = top_level && (line.starts_with("name ") || line.starts_with("name="));
    result.append(is_name ? "name = " + toml_string(name) : std::string(line)).append("\n");
    hand_written.remove_prefix(std::min(hand_written.size(), line.size() + 1));
  }
  return result;
}

std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      result.push_back('\\');
    }
    if (code < 0x20 || code == 0x7f) {
      result += fmt::format("\\u{:04X}", code);
    } else {
      result.push_back(letter);
    }
  }
  return result + "\"";
}

std::string source_text(const Source& source) {
  return fmt::format("[sources.{}]\ntext = {}\ndate = {}\n",
                     toml_string(source.key),
                     toml_string(source.text),
                     toml_string(source.date));
}

std::string point_text(const MeasuredPoint& point) {
  std::string text = "[[measured]]\n" + op_text(point.op);
  text += fmt::format("sms = {}\ntime = \"{:.6g} us\"\nspread = {:.4g}\nsource = {}\n",
                      point.sms,
                      point.time / microsecond,
                      point.spread,
                      toml_string(point.source));
  if (!point.library.empty()) {
    text += fmt::format("library = {}\n", toml_string(point.library));
  }
  return text;
}

Profile profile_of_text(const std::string& path,
                        const std::string& text,
                        const std::string& profiles) {
  const Workbench bench(path);
  const fs::path draft = bench.path() / fs::path(path).filename();
  write_text(draft, text);
  return read_draft(draft, path, profiles);
}

Profile write_profile(const std::string& path,
                      const std::string& text,
                      const std::string& profiles) {
  const Workbench bench(path);
  const fs::path draft = bench.path() / fs::path(path).filename();
  write_text(draft, text);
  Profile profile = read_draft(draft, path, profiles);
  std::error_code error;
  fs::rename(draft, path, error);
  if (error) {
    throw EnvironmentError(fmt::format("cannot write {}: {}", path, error.message()));
  }
  return profile;
}

}  // namespace towtank
