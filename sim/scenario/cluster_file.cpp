#include "sim/scenario/cluster_file.hpp"

#include <filesystem>
#include <utility>

#include "sim/base/error.hpp"
#include "sim/profile/toml_table.hpp"
#include "sim/scenario/cluster_reader.hpp"
#include "sim/scenario/document.hpp"

namespace towtank {
namespace {

/// The document in which the cluster stands under "cluster". A file that has none is a cluster
/// itself: as if a scenario beside it had it as its base.
TomlNode document_with_cluster(const std::string& path,
                               std::vector<Override> overrides,
                               Mistakes& mistakes) {
  Mistakes unheard;  // they are found again when the document is read
  if (find_member(read_scenario_document(path, {}, unheard), "cluster") == nullptr) {
    const std::string file = std::filesystem::path(path).filename().string();
    overrides.insert(overrides.begin(), {.key = "cluster.base", .value = file});
  }
  return read_scenario_document(path, overrides, mistakes);
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
