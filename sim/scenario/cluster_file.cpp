#include "sim/scenario/cluster_file.hpp"

#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/cluster_reader.hpp"
#include "sim/scenario/document.hpp"

namespace towtank {
namespace {

/// Records the overrides that do not set anything of the cluster.
void refuse_others(const std::vector<Override>& overrides, Mistakes& mistakes) {
  for (const Override& setting : overrides) {
    if (setting.key != "cluster" && !setting.key.starts_with("cluster.")) {
      mistakes.add("",
                   {.file = fmt::format("--set {}={}", shown(setting.key), shown(setting.value))},
                   "sets nothing: the file is a cluster, whose keys begin with \"cluster.\"",
                   fmt::format("--set cluster.{}={}", shown(setting.key), shown(setting.value)));
    }
  }
}

/// The document in which the cluster stands under "cluster". A file that has none is a cluster
/// itself: as if a scenario beside it had it as its base.
TomlNode document_with_cluster(const std::string& path,
                               std::vector<Override> overrides,
                               Mistakes& mistakes) {
  Mistakes unheard;                  // they are found again when the document is read
  std::vector<Diagnostic> warnings;  // about the model, which is not asked for
  if (find_member(read_scenario_document(path, {}, unheard, warnings), "cluster") == nullptr) {
    const std::string file = std::filesystem::path(path).filename().string();
    refuse_others(overrides, mistakes);
    overrides.insert(overrides.begin(), {.key = "cluster.base", .value = file});
  }
  return read_scenario_document(path, overrides, mistakes, warnings);
}

}  // namespace

Cluster read_cluster_file(const std::string& path, const std::vector<Override>& overrides) {
  Mistakes mistakes;
  const TomlNode document = document_with_cluster(path, overrides, mistakes);
  const TomlMember* const member = find_member(document, "cluster");
  if (member == nullptr) {
    throw BrokenClaim("the document has a cluster by now");
  }
  Cluster cluster = read_cluster(TomlTable(member->node, "cluster", mistakes), path, mistakes);
  mistakes.throw_if_any();
  return cluster;
}

}  // namespace towtank
