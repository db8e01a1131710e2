#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/worker_pool.hpp"

namespace towtank {
namespace {

using ::testing::HasSubstr;

std::vector<WorkResult> results_of(const WorkerPool& pool,
                                   std::size_t pieces,
                                   const std::function<std::string(std::size_t)>& work) {
  std::vector<WorkResult> results(pieces);
  work_in_processes(
      pool, pieces, work, [&](std::size_t i, const WorkResult& result) { results[i] = result; });
  return results;
}

TEST(WorkerPool, DoesEveryPieceOnceWhateverTheNumberOfProcesses) {
  for (const int processes : {1, 3, 20}) {
    const auto results = results_of(
        {.processes = processes}, 10, [](std::size_t i) { return std::to_string(i * i); });
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(results[i].text, std::to_string(i * i));
      EXPECT_EQ(results[i].failure, "");
    }
  }
  results_of({.processes = 2}, 0, [](std::size_t) { return ""; });
}

TEST(WorkerPool, AnswersMayBeLongAndLoseTheirLineEnds) {
  const auto results = results_of({.processes = 2}, 3, [](std::size_t i) {
    return std::string(300'000, static_cast<char>('a' + i)) + "\nend";
  });
  EXPECT_EQ(results[1].text, std::string(300'000, 'b') + " end");
}

TEST(WorkerPool, ACrashAnExceptionAndAHangAreTheirPieceAlone) {
  const auto results =
      results_of({.processes = 2, .limit = 0.5 * second}, 6, [](std::size_t i) -> std::string {
        if (i == 1) {
          std::raise(SIGKILL);
        }
        if (i == 2) {
          throw std::runtime_error("no such plan");
        }
        if (i == 3) {
          std::this_thread::sleep_for(std::chrono::seconds(60));
        }
        return "done";
      });
  EXPECT_EQ(results[0].text, "done");
  EXPECT_THAT(results[1].failure, HasSubstr("signal"));
  EXPECT_EQ(results[2].failure, "no such plan");
  EXPECT_THAT(results[3].failure, HasSubstr("longer"));
  EXPECT_EQ(results[4].text, "done");
  EXPECT_EQ(results[5].text, "done");
}

}  // namespace
}  // namespace towtank
