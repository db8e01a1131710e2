// A row of a table of runs as something to simulate: its model, its plan and its cluster, with
// blank cells filled in and told.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/cluster/cluster.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"
#include "sim/profile/profile.hpp"
#include "sim/published/gpu_names.hpp"
#include "sim/published/model_library.hpp"
#include "sim/published/published_run.hpp"
#include "sim/published/stack_habits.hpp"

namespace towtank {

/// What rows are read with: the library of models, GPUs, stacks and profiles below a directory.
class RunLibrary {
 public:
  /// `data` holds profiles/ and scenarios/. Reads all but the profiles, which are read when they
  /// are first asked for.
  explicit RunLibrary(const std::string& data);

  const ModelLibrary& models() const { return models_; }
  const std::vector<NamedGpu>& gpus() const { return gpus_; }
  const std::vector<Site>& sites() const { return sites_; }
  const std::vector<StackHabits>& stacks() const { return stacks_; }

  /// The profile of a GPU, with the memory it has.
  const Profile& profile_of(const NamedGpu& gpu) const;

 private:
  std::string profiles_;  // directory
  ModelLibrary models_;
  std::vector<NamedGpu> gpus_;
  std::vector<Site> sites_;
  std::vector<StackHabits> stacks_;
  mutable std::map<std::string, std::unique_ptr<const Profile>> known_;  // by profile and memory
};

struct RunScenario {
  Architecture model;
  TrainingPlan plan;
  Cluster cluster;
  const Profile* profile = nullptr;     // of the library
  const StackHabits* habits = nullptr;  // likewise
  double share = 1.0;  // of the plan's batch that the row's is, where that does not divide
  std::vector<std::string> assumptions;
};

/// The scenario of a row. InputError with the reason when there is none: another kind of GPU or of
/// training, a model the library does not have, numbers that do not divide, or too little told.
RunScenario scenario_of(const PublishedRun& run, const RunLibrary& library);

}  // namespace towtank
