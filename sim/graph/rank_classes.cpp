#include "sim/graph/rank_classes.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>

namespace towtank {
namespace {

std::size_t at(int index) {
  return static_cast<std::size_t>(index);
}

/// Numbers distinct keys in the order in which they first appear.
template <typename Key>
class Numbering {
 public:
  int number(const Key& key) {
    return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
  }
  std::size_t size() const { return numbers_.size(); }

 private:
  std::map<Key, int> numbers_;
};

/// A rank's colour and, relation by relation, the colours it is related to.
struct Surroundings {
  int colour = 0;
  std::vector<std::pair<int, int>> groups;      // (label, colour of the group)
  std::vector<std::pair<int, int>> neighbours;  // (label, colour of the neighbour)

  friend auto operator<=>(const Surroundings&, const Surroundings&) = default;
};

/// Each group's colour: equal for groups with equal multisets of members' colours.
std::vector<int> group_colours(const RankRelations& relations, const std::vector<int>& colours) {
  Numbering<std::vector<int>> seen;
  std::vector<int> result;
  for (const std::vector<int>& group : relations.groups) {
    std::vector<int> of_members;
    of_members.reserve(group.size());
    for (const int member : group) {
      of_members.push_back(colours[at(member)]);
    }
    std::ranges::sort(of_members);
    result.push_back(seen.number(of_members));
  }
  return result;
}

std::vector<std::pair<int, int>> coloured(const std::vector<std::pair<int, int>>& relations,
                                          const std::vector<int>& colours) {
  std::vector<std::pair<int, int>> result;
  result.reserve(relations.size());
  for (const auto& [label, index] : relations) {
    result.emplace_back(label, colours[at(index)]);
  }
  std::ranges::sort(result);
  return result;
}

RankClasses classes(const std::vector<int>& colours) {
  RankClasses result;
  result.class_of = colours;
  for (std::size_t rank = 0; rank < colours.size(); ++rank) {
    const std::size_t colour = at(colours[rank]);
    if (colour == result.representatives.size()) {
      result.representatives.push_back(static_cast<int>(rank));
      result.members.push_back(0);
    }
    ++result.members[colour];
  }
  return result;
}

/// A program without its directions.
std::vector<int> signature(const Program& program) {
  std::vector<int> words;
  const auto write = [&words](const Chunk& chunk) {
    words.insert(words.end(), {static_cast<int>(chunk.pass), chunk.stage, chunk.micro_batch});
  };
  for (const Slot& slot : program) {
    write(slot.chunk);
    if (slot.overlapped) {
      write(*slot.overlapped);
    }
    words.push_back(-1);
  }
  return words;
}

/// Writes the relations of a training step down, group by group.
class RelationWriter {
 public:
  RelationWriter(const Mesh& mesh, const Schedule& schedule) : mesh_(mesh), schedule_(schedule) {
    const std::size_t ranks = at(mesh.ranks());
    relations_.attributes.resize(ranks);
    relations_.memberships.resize(ranks);
    relations_.neighbours.resize(ranks);
  }

  RankRelations write() {
    Numbering<std::vector<int>> programs;
    for (int pipeline = 0; pipeline < schedule_.ranks(); ++pipeline) {
      const int program = programs.number(signature(schedule_.programs[at(pipeline)]));
      for (int rank = mesh_.rank(pipeline, 0); rank < mesh_.rank(pipeline + 1, 0); ++rank) {
        relations_.attributes[at(rank)] = program;
      }
    }
    for (int stage = 0; stage < schedule_.stages; ++stage) {
      write_pipeline_neighbours(stage);
      write_replicas(stage);
    }
    write_token_groups();
    return std::move(relations_);
  }

 private:
  static constexpr int kExpertGroup = 0;
  static constexpr int kContextGroup = 1;
  static constexpr int kFirstOfStage = 2;  // four labels a stage from here on

  /// Activations go from `stage` to the next, at equal positions, over NVLink or the network.
  void write_pipeline_neighbours(int stage) {
    if (stage + 1 == schedule_.stages) {
      return;
    }
    for (int direction = 0; direction < schedule_.directions; ++direction) {
      const int from = rank_of(schedule_, stage, direction);
      const int to = rank_of(schedule_, stage + 1, direction);
      for (int rank = mesh_.rank(from, 0); rank < mesh_.rank(from + 1, 0); ++rank) {
        const int next = mesh_.rank(to, mesh_.position(rank));
        const int medium = mesh_.node(rank) == mesh_.node(next) ? 0 : 1;
        relations_.neighbours[at(rank)].emplace_back(label(stage, medium), next);
        relations_.neighbours[at(next)].emplace_back(label(stage, medium) + 2, rank);
      }
    }
  }

  void write_replicas(int stage) {
    const std::vector<int> hosts = hosts_of_stage(schedule_, stage);
    add_group(label(stage, 0), mesh_.dense_replicas(hosts));
    for (const int rank : mesh_.expert_group(mesh_.rank(hosts.front(), 0))) {
      add_group(label(stage, 1), mesh_.expert_replicas(hosts, rank));
    }
  }

  void write_token_groups() {
    for (int rank = 0; rank < mesh_.ranks(); ++rank) {
      const std::vector<int> experts = mesh_.expert_group(rank);
      if (experts.front() == rank) {
        add_group(kExpertGroup, experts);
      }
      const std::vector<int> context = mesh_.context_group(rank);
      if (context.front() == rank) {
        add_group(kContextGroup, context);
      }
    }
  }

  static int label(int stage, int kind) { return kFirstOfStage + 4 * stage + kind; }

  void add_group(int label, std::vector<int> members) {
    const int group = static_cast<int>(relations_.groups.size());
    for (const int member : members) {
      relations_.memberships[at(member)].emplace_back(label, group);
    }
    relations_.groups.push_back(std::move(members));
  }

  const Mesh& mesh_;
  const Schedule& schedule_;
  RankRelations relations_;
};

}  // namespace

RankClasses equitable_partition(const RankRelations& relations) {
  std::vector<int> colours = relations.attributes;
  std::size_t colour_count = 0;
  while (true) {
    const std::vector<int> of_groups = group_colours(relations, colours);
    Numbering<Surroundings> seen;
    std::vector<int> refined;
    for (std::size_t rank = 0; rank < colours.size(); ++rank) {
      refined.push_back(seen.number({.colour = colours[rank],
                                     .groups = coloured(relations.memberships[rank], of_groups),
                                     .neighbours = coloured(relations.neighbours[rank], colours)}));
    }
    colours = std::move(refined);
    if (seen.size() == colour_count) {
      return classes(colours);
    }
    colour_count = seen.size();
  }
}

RankClasses unfolded(int ranks) {
  std::vector<int> colours(at(ranks));
  std::iota(colours.begin(), colours.end(), 0);
  return classes(colours);
}

RankRelations training_relations(const Mesh& mesh, const Schedule& schedule) {
  return RelationWriter(mesh, schedule).write();
}

}  // namespace towtank
