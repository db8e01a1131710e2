#include "sim/profile/network_costs.hpp"

#include <string>

#include <gtest/gtest.h>

#include "sim/base/error.hpp"
#include "sim/profile/network_costs_reader.hpp"
#include "sim/profile/profile.hpp"
#include "sim/profile/toml_document.hpp"

namespace towtank {
namespace {

const std::string kRow =
    "{ start_up = \"5 us\", nvlink_hop = \"0.8 us\", nic_hop = \"2.7 us\", nvlink = 0.27, "
    "nic = 0.48, error = 0.2, source = \"nccl\" }\n";

NetworkCosts read(const std::string& text) {
  Mistakes mistakes;
  const TomlNode node = parse_toml(text, "gpu.toml");
  TomlTable file(node, "", mistakes);
  NetworkCosts costs = read_network_costs(file, {"nccl"});
  file.finish();
  mistakes.throw_if_any();
  return costs;
}

std::string first_mistake(const std::string& text) {
  try {
    read(text);
  } catch (const InputError& error) {
    return to_string(error.diagnostics().front());
  }
  return "none";
}

TEST(NetworkTable, IsReadRowByRow) {
  const NetworkCosts costs = read("[network]\nring.ll = " + kRow + "in-switch.simple = " + kRow);
  ASSERT_EQ(costs.size(), 2U);
  const NetworkCost* ring = find_cost(costs, Pattern::kRing, Protocol::kLl);
  ASSERT_NE(ring, nullptr);
  EXPECT_EQ(ring->start_up, 5 * microsecond);
  EXPECT_EQ(ring->nic_start_up, Seconds());
  EXPECT_EQ(ring->nic_hop, 2.7 * microsecond);
  EXPECT_EQ(ring->nvlink, 0.27);
  EXPECT_EQ(find_cost(costs, Pattern::kRing, Protocol::kSimple), nullptr);
  EXPECT_NE(find_cost(costs, Pattern::kInSwitch, Protocol::kSimple), nullptr);
}

TEST(NetworkTable, MayBeAbsent) {
  EXPECT_TRUE(read("").empty());
}

TEST(NetworkTable, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(first_mistake("[network]\nrign.ll = " + kRow).find("rign"), std::string::npos);
  EXPECT_NE(first_mistake("[network]\nring.ll256 = " + kRow).find("ll256"), std::string::npos);
  std::string efficient = kRow;
  efficient.replace(efficient.find("0.27"), 4, "1.27");
  EXPECT_NE(first_mistake("[network]\nring.ll = " + efficient).find("nvlink"), std::string::npos);
  std::string sourceless = kRow;
  sourceless.replace(sourceless.find("nccl"), 4, "ncll");
  EXPECT_NE(first_mistake("[network]\nring.ll = " + sourceless).find("no source 'ncll'"),
            std::string::npos);
}

TEST(ShippedProfiles, KnowTheCostsOfTheirNetworks) {
  for (const std::string& gpu : list_profiles(TOWTANK_SOURCE_DIR "/profiles")) {
    const Profile profile = read_profile(TOWTANK_SOURCE_DIR "/profiles", gpu);
    for (const Protocol protocol : kProtocols) {
      EXPECT_NE(find_cost(profile.network, Pattern::kRing, protocol), nullptr) << gpu;
      EXPECT_NE(find_cost(profile.network, Pattern::kTree, protocol), nullptr) << gpu;
    }
    const bool has_nvls = gpu.find("a100") == std::string::npos;  // from Hopper on
    EXPECT_EQ(find_cost(profile.network, Pattern::kInSwitch, Protocol::kSimple) != nullptr,
              has_nvls);
  }
}

}  // namespace
}  // namespace towtank
