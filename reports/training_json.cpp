#include "reports/training_json.hpp"

#include <algorithm>

#include "reports/groups_json.hpp"
#include "reports/training_object.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(std::optional<double> value) {
  return value ? Json(*value) : Json(nullptr);
}

Json pair_object(const PairReport& pair) {
  const bool any = pair.time > Seconds{};
  return {{"seconds", any ? Json(pair.time / second) : Json(nullptr)}, {"layers", pair.layers}};
}

Json phases_object(const PhaseTimes& phases) {
  return {{"forward", phases.forward / second},
          {"backward", phases.backward / second},
          {"weight", phases.weight / second},
          {"overlapped", phases.overlapped / second},
          {"bubble", phases.bubble / second},
          {"optimizer", phases.optimizer / second},
          {"exposed_communication", phases.exposed_communication / second}};
}

Json step_object(const StepReport& step) {
  return {{"seconds", step.time / second},
          {"low", step.low / second},
          {"high", step.high / second},
          {"tokens", step.tokens},
          {"tokens_per_second_per_gpu", step.tokens_per_second_per_gpu},
          {"tokens_per_day", step.tokens_per_day}};
}

Json efficiency_object(const EfficiencyReport& efficiency) {
  return {{"tflops_per_gpu_causal", efficiency.per_gpu_causal / (TFLOP / second)},
          {"tflops_per_gpu_full", efficiency.per_gpu_full / (TFLOP / second)},
          {"mfu_causal", efficiency.mfu_causal},
          {"mfu_full", efficiency.mfu_full}};
}

Json memory_object(const MemoryReport& memory) {
  Json classes = Json::object();
  for (const auto& [name, size] : memory.classes) {
    classes[name] = size / GiB;
  }
  return {{"peak_gib", memory.peak / GiB},
          {"capacity_gib", memory.capacity / GiB},
          {"fits", memory.fits},
          {"phase", memory.phase},
          {"pipeline", memory.pipeline},
          {"moment", memory.moment},
          {"fix", memory.fix},
          {"classes_gib", classes}};
}

Json cost_object(const RunCost& cost) {
  return {{"name", cost.name},
          {"tokens", cost.tokens},
          {"gpu_hours", cost.gpu_hours},
          {"days", cost.duration / day},
          {"dollars", cost.dollars / dollar},
          {"error", cost.error},
          {"basis", cost.basis}};
}

Json engine_object(const EngineReport& engine) {
  return {{"wall_seconds", engine.wall_seconds},
          {"activities", engine.activities},
          {"gpus", engine.gpus},
          {"classes", engine.classes},
          {"folded", engine.folded}};
}

Json ranks_array(const TrainingReport& report) {
  Json ranks = Json::array();
  for (const RankReport& rank : report.ranks) {
    ranks.push_back({{"pipeline", rank.pipeline},
                     {"ranks", rank.ranks},
                     {"phases_seconds", phases_object(rank.phases)},
                     {"peak_gib", rank.peak_memory / GiB}});
  }
  return ranks;
}

Json critical_path_array(const TrainingReport& report) {
  Json shares = Json::array();
  for (const CriticalShare& share : report.critical_path) {
    shares.push_back(
        {{"cause", share.cause}, {"seconds", share.time / second}, {"error", share.error}});
  }
  return shares;
}

Json links_array(const TrainingReport& report) {
  Json links = Json::array();
  for (const LinkReport& link : report.links) {
    links.push_back({{"medium", link.name},
                     {"pipeline", link.pipeline ? Json(*link.pipeline) : Json(nullptr)},
                     {"utilisation", link.utilisation},
                     {"carried_bytes", link.carried / byte},
                     {"capacity_bytes_per_second", link.capacity / (byte / second)},
                     {"cables", link.cables},
                     {"links", link.links},
                     {"as_busy", link.as_busy},
                     {"mean_utilisation", link.mean_utilisation},
                     {"limits_seconds", link.limits / second}});
  }
  return links;
}

Json published_array(const TrainingReport& report) {
  Json figures = Json::array();
  for (const PublishedComparison& figure : report.published) {
    figures.push_back({{"metric", figure.metric},
                       {"published", figure.published},
                       {"projected", number_or_null(figure.projected)},
                       {"miss", number_or_null(figure.miss())},
                       {"source", figure.source}});
  }
  return figures;
}

Json phases_of_training_array(const TrainingReport& report) {
  Json phases = Json::array();
  for (const RunCost& phase : report.phases_of_training) {
    phases.push_back(cost_object(phase));
  }
  return phases;
}

Json origins_object(const TrainingReport& report) {
  Json origins = Json::object();
  for (const OriginShare& share : report.origins) {
    origins[share.origin] = share.share;
  }
  return origins;
}

Json inputs_object(const TrainingReport& report) {
  Json inputs = Json::object();
  for (const InputEntry& input : report.inputs) {
    inputs[input.key] = input.value;
  }
  return inputs;
}

}  // namespace

Json training_object(const TrainingReport& report) {
  Json object = {
      {"schema", "towtank.training/1"},
      {"scenario", report.scenario},
      {"title", report.title},
      {"plan", report.plan},
      {"gpu", report.gpu},
      {"step", step_object(report.step)},
      {"phases_seconds", phases_object(report.phases)},
      {"mean_phases_seconds", phases_object(report.mean_phases)},
      {"efficiency", efficiency_object(report.efficiency)},
      {"memory", memory_object(report.memory)},
      {"pair", pair_object(report.pair)},
      {"run", cost_object(report.run)},
      {"training_phases", phases_of_training_array(report)},
      {"extension", {{"gpu_hours", report.extension_gpu_hours}}},
      {"total",
       {{"gpu_hours", report.total_gpu_hours}, {"dollars", report.total_dollars / dollar}}},
      {"price",
       {{"dollars_per_gpu_hour", report.price / (dollar / hour)}, {"source", report.price_source}}},
      {"critical_path", critical_path_array(report)},
      {"origins", origins_object(report)},
      {"links", links_array(report)},
      {"grids", grids_object(report.grid)},
      {"groups", groups_array(report)},
      {"ranks", ranks_array(report)},
      {"published", published_array(report)},
      {"inputs", inputs_object(report)},
      {"overrides", report.overrides},
      {"engine", engine_object(report.engine)}};
  if (report.neighbours) {
    Json jobs = Json::array();
    for (const NeighbourReport& job : report.neighbours->jobs) {
      jobs.push_back({{"name", job.name}, {"nodes", job.nodes}, {"gpus", job.gpus}});
    }
    object["neighbours"] = {{"jobs", jobs},
                            {"step_seconds", report.neighbours->beside / second},
                            {"slowdown", report.neighbours->slowdown},
                            {"classes", report.neighbours->classes}};
  }
  return object;
}

std::string training_json(const TrainingReport& report) {
  // Text that is not UTF-8 (an override can hold it) is written with replacement characters.
  return training_object(report).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<double> report_metric(const TrainingReport& report, std::string_view metric) {
  const Json object = training_object(report);
  const Json* found = &object;
  for (std::size_t at = 0; at <= metric.size();) {
    const std::size_t end = std::min(metric.find('.', at), metric.size());
    const auto member =
        found->is_object() ? found->find(std::string(metric.substr(at, end - at))) : found->end();
    if (member == found->end()) {
      return std::nullopt;
    }
    found = &*member;
    at = end + 1;
  }
  return found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

}  // namespace towtank
