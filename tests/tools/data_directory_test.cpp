#include "tools/data_directory.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

/// A directory tree for one test; TOWTANK_DATA is as before afterwards.
class DataDirectory : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    root_ = fs::temp_directory_path() / ("towtank-data-" + name + "-" + std::to_string(getpid()));
    fs::create_directories(root_ / "job" / "deep");
    unsetenv("TOWTANK_DATA");
  }
  void TearDown() override {
    fs::remove_all(root_);
    unsetenv("TOWTANK_DATA");
  }

  void write_profile(const fs::path& directory) const {
    fs::create_directories(directory / "profiles");
    std::ofstream(directory / "profiles" / "gpu.toml") << "name = \"gpu\"\n";
  }

  fs::path root_;
};

TEST_F(DataDirectory, IsTheNearestAtOrAboveTheScenario) {
  write_profile(root_);
  EXPECT_EQ(data_directory(root_ / "job" / "deep"), root_);
  write_profile(root_ / "job");
  EXPECT_EQ(data_directory(root_ / "job" / "deep"), root_ / "job");
}

TEST_F(DataDirectory, AProfilesDirectoryWithoutProfilesDoesNotCount) {
  write_profile(root_);
  fs::create_directories(root_ / "job" / "profiles");
  EXPECT_EQ(data_directory(root_ / "job"), root_);
}

TEST_F(DataDirectory, ElseIsWhatTheEnvironmentNames) {
  write_profile(root_ / "elsewhere");
  setenv("TOWTANK_DATA", (root_ / "elsewhere").c_str(), 1);
  EXPECT_EQ(data_directory(root_ / "job"), root_ / "elsewhere");
}

TEST_F(DataDirectory, ElseIsTheSourceTree) {
  EXPECT_EQ(data_directory(root_ / "job"), fs::path(TOWTANK_SOURCE_DIR));
}

TEST_F(DataDirectory, AnEnvironmentWithoutProfilesIsAnErrorNotAFallback) {
  setenv("TOWTANK_DATA", (root_ / "nowhere").c_str(), 1);
  EXPECT_THROW(data_directory(root_ / "job"), EnvironmentError);
}

TEST_F(DataDirectory, PathsBelowTheWorkingDirectoryAreShownRelative) {
  EXPECT_EQ(shown_path(fs::current_path() / "profiles"), "profiles");
  EXPECT_EQ(shown_path("/elsewhere/x"), "/elsewhere/x");
}

}  // namespace
}  // namespace towtank
