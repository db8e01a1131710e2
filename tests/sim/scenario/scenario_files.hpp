// Scenario files for the tests: the shipped ones, and ones written to a folder that goes away.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "sim/base/error.hpp"
#include "sim/scenario/scenario.hpp"

namespace towtank {

inline std::string shipped(const std::string& file) {
  return std::string(TOWTANK_SOURCE_DIR) + "/scenarios/" + file;
}

inline const std::string kH800 = "deepseek-v3-h800.toml";

/// A folder of its own, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "towtank-XXXXXX").string();
    check(mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  /// Writes a file, with the folders it lies in; returns its path.
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

inline std::string content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// The shipped H800 scenario with overrides ("plan.pipeline=8").
inline Scenario with(const std::vector<std::string>& settings, const std::string& file = kH800) {
  std::vector<Override> overrides;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    overrides.push_back({.key = setting.substr(0, equals), .value = setting.substr(equals + 1)});
  }
  return read_scenario(shipped(file), overrides);
}

/// The mistakes found in it, none when it is fine.
inline std::vector<Diagnostic> mistakes_with(const std::vector<std::string>& settings) {
  try {
    with(settings);
    return {};
  } catch (const InputError& error) {
    return error.diagnostics();
  }
}

/// A scenario file without bases, whose every mistake is its own.
inline std::string whole_scenario() {
  return R"(title = "A small model on two nodes"

[model]
name = "small"
layers = 8
dense_layers = 1
hidden = 1024
dense_intermediate = 4096
vocabulary = 32000
mtp_modules = 0
attention = {kind = "mla", heads = 16, query_rank = 512, key_value_rank = 256, nope_head_dim = 64, rope_head_dim = 32, value_head_dim = 64}
moe = {experts = 32, top_k = 4, groups = 4, groups_per_token = 2, shared_experts = 1, intermediate = 512, gating = "sigmoid"}

[cluster]
name = "two nodes"
gpu = "h800-sxm"
nodes = 2
gpus_per_node = 8
nvlink = {bandwidth = "200 GB/s", latency = "3.33 us"}
nic = {bandwidth = "400 Gbit/s", latency = "2.8 us"}

[prices]
name = "ours"
per_gpu = "1.50 $/h"
source = "a quotation"
date = "2025-01-01"

[plan]
pipeline = 2
expert = 8
schedule = "1f1b"
zero = 1
precision = "bf16"
recompute = []
communication_sms = 0

[training]
sequence = 2048
batch = 64
tokens = 1e9
)";
}

}  // namespace towtank
