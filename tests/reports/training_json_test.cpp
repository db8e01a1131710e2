#include "reports/training_json.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/reports/report_maker.hpp"

namespace towtank {
namespace {

using Json = nlohmann::ordered_json;

Json object_of(const TrainingReport& report) {
  return Json::parse(training_json(report));
}

TEST(TrainingJson, HasThePromisedKeysAndTypes) {
  const Json object = object_of(small_report());
  EXPECT_EQ(object.at("schema"), "towtank.training/1");
  EXPECT_EQ(object.at("scenario"), "small");
  const std::vector<std::pair<std::string, std::vector<std::string>>> numbers = {
      {"step", {"seconds", "low", "high", "tokens", "tokens_per_second_per_gpu"}},
      {"phases_seconds",
       {"forward",
        "backward",
        "weight",
        "overlapped",
        "bubble",
        "optimizer",
        "exposed_communication"}},
      {"efficiency", {"tflops_per_gpu_causal", "tflops_per_gpu_full", "mfu_causal", "mfu_full"}},
      {"memory", {"peak_gib", "capacity_gib"}},
      {"pair", {"seconds", "layers"}},
      {"run", {"tokens", "gpu_hours", "days", "dollars"}},
      {"total", {"gpu_hours", "dollars"}},
      {"engine", {"wall_seconds", "activities", "gpus", "classes"}}};
  for (const auto& [table, keys] : numbers) {
    for (const std::string& key : keys) {
      EXPECT_TRUE(object.at(table).at(key).is_number()) << table << "." << key;
    }
  }
  EXPECT_TRUE(object.at("memory").at("fits").is_boolean());
  EXPECT_TRUE(object.at("engine").at("folded").is_boolean());
}

TEST(TrainingJson, WritesTheUnitsItsKeysName) {
  const Json object = object_of(small_report());
  EXPECT_DOUBLE_EQ(object.at("efficiency").at("tflops_per_gpu_causal"), 400.0);
  EXPECT_DOUBLE_EQ(object.at("memory").at("peak_gib"), 64.0);
  EXPECT_DOUBLE_EQ(object.at("memory").at("classes_gib").at("weights"), 24.0);
  EXPECT_DOUBLE_EQ(object.at("run").at("days"), 62.5 / 24.0);
  EXPECT_DOUBLE_EQ(object.at("pair").at("seconds"), 0.128);
  EXPECT_DOUBLE_EQ(object.at("price").at("dollars_per_gpu_hour"), 2.0);
  EXPECT_DOUBLE_EQ(object.at("links").at(0).at("capacity_bytes_per_second"), 50e9);
}

TEST(TrainingJson, TellsPortsFromWiresOfTheFabric) {
  TrainingReport report = small_report();
  report.links.push_back({.name = "leaf up",
                          .pipeline = std::nullopt,
                          .utilisation = 0.75,
                          .carried = 6.0 * TB,
                          .capacity = 800.0 * GB / second,
                          .cables = 16,
                          .links = 43,
                          .as_busy = 42,
                          .mean_utilisation = 0.7,
                          .limits = 3.0 * second});
  const Json links = object_of(report).at("links");
  EXPECT_EQ(links.at(0).at("medium"), "nic");
  EXPECT_EQ(links.at(0).at("pipeline"), 1);
  EXPECT_EQ(links.at(1).at("medium"), "leaf up");
  EXPECT_TRUE(links.at(1).at("pipeline").is_null());
  EXPECT_DOUBLE_EQ(links.at(1).at("carried_bytes"), 6e12);
  EXPECT_EQ(links.at(1).at("cables"), 16);
  EXPECT_EQ(links.at(1).at("links"), 43);
  EXPECT_EQ(links.at(1).at("as_busy"), 42);
  EXPECT_DOUBLE_EQ(links.at(1).at("mean_utilisation"), 0.7);
  EXPECT_DOUBLE_EQ(links.at(1).at("limits_seconds"), 3.0);
}

TEST(TrainingJson, HasTheRankGridsAndWhatEachKindOfGroupMoves) {
  const Json object = object_of(small_report());
  EXPECT_EQ(object.at("grids").at("ranks"), 16);
  EXPECT_EQ(object.at("grids").at("ranks_per_node"), 8);
  EXPECT_EQ(object.at("grids").at("dense").at("context"), 2);
  EXPECT_EQ(object.at("grids").at("expert").at("expert_data"), 2);
  const Json& dispatch = object.at("groups").at(0);
  EXPECT_EQ(dispatch.at("name"), "expert dispatch");
  EXPECT_EQ(dispatch.at("groups"), 4);
  EXPECT_EQ(dispatch.at("ranks"), 4);
  EXPECT_EQ(dispatch.at("nodes"), 1);
  EXPECT_DOUBLE_EQ(dispatch.at("calls"), 128.0);
  EXPECT_DOUBLE_EQ(dispatch.at("mean_sent_bytes").at("nvlink"), 2.5e9);
  EXPECT_DOUBLE_EQ(dispatch.at("mean_sent_bytes").at("nic"), 0.0);
  EXPECT_DOUBLE_EQ(dispatch.at("largest_sent_bytes").at("nvlink"), 3e9);
  EXPECT_DOUBLE_EQ(dispatch.at("all_ranks_sent_bytes"), 4e10);
}

TEST(TrainingJson, IsNullWhereThereIsNothing) {
  TrainingReport report = small_report();
  report.pair = {};
  report.published.push_back(
      {.metric = "pair.seconds", .published = 0.128, .projected = {}, .source = "a paper"});
  const Json object = object_of(report);
  EXPECT_TRUE(object.at("pair").at("seconds").is_null());
  EXPECT_EQ(report_metric(report, "pair.seconds"), std::nullopt);
  EXPECT_DOUBLE_EQ(object.at("published").at(0).at("miss"), 0.25);
  EXPECT_TRUE(object.at("published").at(1).at("projected").is_null());
  EXPECT_TRUE(object.at("published").at(1).at("miss").is_null());
}

TEST(TrainingJson, ListsOverridesAndThePhaseOfThePeak) {
  TrainingReport report = small_report();
  EXPECT_EQ(object_of(report).at("overrides"), Json::array());
  EXPECT_EQ(object_of(report).at("memory").at("phase"), "main run");
  report.overrides = {"plan.pipeline"};
  EXPECT_EQ(object_of(report).at("overrides"), Json::array({"plan.pipeline"}));
}

TEST(TrainingJson, PhasesOfEveryRankSumToTheStep) {
  const Json object = object_of(small_report());
  ASSERT_EQ(object.at("ranks").size(), 2U);
  std::vector<Json> tables = {object.at("phases_seconds"), object.at("mean_phases_seconds")};
  for (const Json& rank : object.at("ranks")) {
    tables.push_back(rank.at("phases_seconds"));
  }
  for (const Json& phases : tables) {
    double sum = 0.0;
    for (const auto& [name, seconds] : phases.items()) {
      sum += name == "exposed_communication" ? 0.0 : seconds.get<double>();
    }
    EXPECT_DOUBLE_EQ(sum, object.at("step").at("seconds"));
  }
}

TEST(TrainingJson, KeepsTheOrderOfItsKeys) {
  const std::string text = training_json(small_report());
  EXPECT_LT(text.find("\"schema\""), text.find("\"step\""));
  EXPECT_LT(text.find("\"step\""), text.find("\"phases_seconds\""));
  EXPECT_LT(text.find("\"run\""), text.find("\"engine\""));
  EXPECT_TRUE(text.starts_with("{\n  \"schema\": \"towtank.training/1\",\n"));
  EXPECT_TRUE(text.ends_with("}\n"));
}

TEST(TrainingJson, OnlyTheWallTimeDiffersBetweenTwoRuns) {
  TrainingReport again = small_report();
  again.engine.wall_seconds = 99.0;
  Json first = object_of(small_report());
  Json second_run = object_of(again);
  EXPECT_NE(first, second_run);
  first.at("engine").erase("wall_seconds");
  second_run.at("engine").erase("wall_seconds");
  EXPECT_EQ(first, second_run);
}

TEST(TrainingJson, SurvivesTextThatIsNotUtf8) {
  TrainingReport report = small_report();
  report.title = "broken \xff title";
  EXPECT_EQ(object_of(report).at("title"), "broken \xef\xbf\xbd title");
}

TEST(ReportMetric, FindsNumbersByTheirPath) {
  const TrainingReport report = small_report();
  EXPECT_EQ(report_metric(report, "step.seconds"), 10.0);
  EXPECT_EQ(report_metric(report, "phases_seconds.forward"), 1.0);
  EXPECT_EQ(report_metric(report, "pair.seconds"), 0.128);
  EXPECT_EQ(report_metric(report, "total.dollars"), 2200.0);
}

TEST(ReportMetric, FindsNothingWhereThereIsNoNumber) {
  const TrainingReport report = small_report();
  for (const char* path : {"",
                           ".",
                           "step",
                           "step.second",
                           "step.seconds.x",
                           "step.",
                           "schema",
                           "memory.fits",
                           "ranks.0",
                           "no.such.path"}) {
    EXPECT_EQ(report_metric(report, path), std::nullopt) << path;
  }
}

}  // namespace
}  // namespace towtank
