// Every table of the reference collection, where it is at hand: all rows become samples, but for
// those that are counted as skipped.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/read_table.hpp"
#include "sim/profile/tables/text_file.hpp"

namespace towtank {
namespace {

namespace fs = std::filesystem;

fs::path reference() {
  const char* set = std::getenv("TOWTANK_REFERENCE");
  return set != nullptr ? fs::path(set) : fs::path(TOWTANK_SOURCE_DIR) / "../shared/reference";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Kinds that the README of profiles/ names as not modelled, and a file without column names.
bool is_unsupported(const std::string& file) {
  for (const std::string_view part : {"MANIFEST",
                                      "dsa_",
                                      "dsa__",
                                      "_mlp",
                                      "gdn__",
                                      "overlapping",
                                      "train_ep64",
                                      "mha__decode__h20__64-2-128"}) {
    if (contains(file, part)) {
      return true;
    }
  }
  return false;
}

/// Samples that a usable row gives.
std::size_t samples_per_row(const SampleTable& table) {
  return contains(table.kind, "deepep") || contains(table.kind, "infersim_grouped") ? 2 : 1;
}

/// Tables of which more than a fiftieth is known to be of no use, and which part at most.
double most_skipped(const SampleTable& table) {
  if (table.kind == "trtllm_alltoall_perf") {
    return 0.27;  // the exchange of counts before a dispatch
  }
  if (table.kind == "deepseek_simulator_mla") {
    return 0.5;  // sequences of unequal lengths
  }
  if (table.kind == "infersim_grouped_gemm_decode") {
    return 0.03;  // one token an expert
  }
  return contains(table.file, "b200_sxm__moe") ? 0.03 : 0.02;  // FP4 weights with FP8 activations
}

void expect_all_rows(const SampleTable& table, std::size_t rows) {
  std::size_t skipped = 0;
  for (const SkippedRows& some : table.skipped) {
    EXPECT_FALSE(some.reason.empty());
    skipped += some.rows;
  }
  EXPECT_EQ(table.samples.size(), samples_per_row(table) * (rows - skipped));
  EXPECT_LE(static_cast<double>(skipped), most_skipped(table) * static_cast<double>(rows));
  EXPECT_EQ(table.device.empty(), contains(table.file, "pairwise")) << "of a machine of its own";
  for (const Sample& sample : table.samples) {
    ASSERT_GT(sample.time.si(), 1e-7) << describe(sample.op);
    ASSERT_LT(sample.time.si(), 10.0) << describe(sample.op);
    ASSERT_FALSE(sample.library.empty());
  }
}

TEST(ReferenceTables, EveryRowIsASampleOrCounted) {
  if (!fs::is_directory(reference())) {
    GTEST_SKIP() << "no reference tables: set TOWTANK_REFERENCE to their folder";
  }
  std::size_t tables = 0;
  for (const std::string folder : {"kernels", "h800", "vidur_comm"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(reference() / folder)) {
      const std::string path = entry.path().string();
      SCOPED_TRACE(path);
      if (!entry.is_regular_file()) {
        continue;
      }
      if (is_unsupported(entry.path().filename().string())) {
        EXPECT_THROW(read_table(path), InputError);
        continue;
      }
      const CsvText csv(read_text_file(path), path);
      expect_all_rows(read_table(path), csv.rows());
      ++tables;
    }
  }
  EXPECT_GE(tables, 80U);
}

}  // namespace
}  // namespace towtank
