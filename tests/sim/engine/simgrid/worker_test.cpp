// Work in a child process: results and failures come back, nothing else does.
#include "sim/engine/simgrid/worker.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace towtank {
namespace {

/// The text of the exception of type Error that the work ends with; empty without one.
template <typename Error>
std::string error_text(const std::function<std::string()>& work) {
  try {
    run_in_worker(work);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Worker, ReturnsTheBytesOfItsFunction) {
  std::string bytes("a\0b", 3);
  EXPECT_EQ(run_in_worker([&] { return bytes; }), bytes);
  EXPECT_EQ(run_in_worker([] { return std::string(); }), "");
}

TEST(Worker, ReturnsMoreThanAPipeHolds) {
  EXPECT_EQ(run_in_worker([] { return std::string(1'000'000, 'x'); }), std::string(1'000'000, 'x'));
}

TEST(Worker, LeavesTheParentsMemoryAlone) {
  int value = 1;
  run_in_worker([&] {
    value = 2;
    return std::string();
  });
  EXPECT_EQ(value, 1);
}

TEST(Worker, ErrorsKeepTheirKindAndText) {
  EXPECT_EQ(error_text<BrokenClaim>([]() -> std::string { throw BrokenClaim("two is one"); }),
            "two is one");
  EXPECT_EQ(
      error_text<EnvironmentError>([]() -> std::string { throw EnvironmentError("no disk"); }),
      "no disk");
  EXPECT_EQ(error_text<BrokenClaim>([]() -> std::string { throw std::runtime_error("odd"); }),
            "odd");
  EXPECT_EQ(error_text<EnvironmentError>([]() -> std::string { throw std::bad_alloc(); }),
            "the worker process ran out of memory");
}

TEST(Worker, CrashIsAnEnvironmentErrorThatNamesTheSignal) {
  EXPECT_EQ(error_text<EnvironmentError>([]() -> std::string {
              kill(getpid(), SIGKILL);
              return "";
            }),
            "the worker process was killed by SIGKILL");
  EXPECT_EQ(error_text<EnvironmentError>([]() -> std::string { _exit(7); }),
            "the worker process left with status 7 before it had a result");
}

TEST(Worker, LeavesNoZombie) {
  run_in_worker([] { return std::string("done"); });
  error_text<EnvironmentError>([]() -> std::string { _exit(7); });
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Worker, BufferedOutputAppearsOnce) {
  testing::internal::CaptureStdout();
  std::fputs("once", stdout);
  run_in_worker([] {
    std::fflush(stdout);
    return std::string();
  });
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "once");
}

TEST(Worker, PlainVectorsSurviveTheMessage) {
  std::string message;
  append_plain(message, std::vector<double>{1.5, -2.0});
  append_plain(message, std::vector<int>{});
  append_plain(message, std::vector<char>{'x'});
  std::size_t offset = 0;
  EXPECT_EQ(take_plain<double>(message, offset), (std::vector<double>{1.5, -2.0}));
  EXPECT_TRUE(take_plain<int>(message, offset).empty());
  EXPECT_EQ(take_plain<char>(message, offset), std::vector<char>{'x'});
  EXPECT_EQ(offset, message.size());
  message.pop_back();
  offset = 0;
  take_plain<double>(message, offset);
  take_plain<int>(message, offset);
  EXPECT_THROW(take_plain<char>(message, offset), BrokenClaim);
}

}  // namespace
}  // namespace towtank
