// Edge lists: what they say, what they may not say, and that nothing else comes of bad ones.
#include "sim/cluster/edge_list.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/cluster/fabric.hpp"
#include "sim/cluster/router.hpp"
#include "tests/sim/cluster/fabric_maker.hpp"

namespace towtank {
namespace {

constexpr const char* kTwoLeaves =
    "# two leaves and a spine\n"
    "switch top spine\n"
    "node0.nic0 left\n"
    "node1.nic0 right  # a comment\n"
    "\n"
    "left top 200Gbit/s 0.5us 3\n"
    "top right 400Gbit/s\r\n";

FabricSpec custom(std::string_view text) {
  return {.kind = FabricKind::kCustom, .edges = parse_edge_list(text, "net.txt")};
}

TEST(EdgeList, BecomesTheNetworkItLists) {
  const Fabric fabric = make_fabric(custom(kTwoLeaves), cluster_size(2, 1));
  const DeviceId left = find_device(fabric, "left", {});
  EXPECT_EQ(fabric.kind(left), DeviceKind::kLeaf);
  EXPECT_EQ(fabric.kind(find_device(fabric, "top", {})), DeviceKind::kSpine);
  std::vector<Crossing> crossings;
  Router(fabric).route(0, 1, Medium::kNic, crossings);
  ASSERT_EQ(crossings.size(), 6U);  // GPU, card, left, top, right, card, GPU
  const LinkType& bundle = fabric.link(crossings[2].link);
  EXPECT_DOUBLE_EQ(bundle.bandwidth.si(), 3 * 25e9);
  EXPECT_DOUBLE_EQ(bundle.latency.si(), 0.5e-6);
  EXPECT_EQ(bundle.cables, 3);
  EXPECT_DOUBLE_EQ(fabric.link(crossings[3].link).bandwidth.si(), 50e9);
}

std::vector<Diagnostic> mistakes_in(std::string_view text) {
  try {
    parse_edge_list(text, "net.txt");
  } catch (const InputError& error) {
    return error.diagnostics();
  }
  return {};
}

TEST(EdgeList, ReportsEveryMistakeWithItsLine) {
  const std::vector<Diagnostic> found = mistakes_in(
      "a a\n"
      "node0.nic0 node1.nic0\n"
      "node0.nic0 a\n"
      "node0.nic0 b\n"
      "a b 400\n"
      "a b 400Gbit/s 3GB\n"
      "a b 400Gbit/s 3us 0\n"
      "a\n"
      "a b c d e f\n"
      "switch a root\n"
      "switch a\n"
      "a b! 400Gbit/s\n"
      "a b 0Gbit/s\n");
  std::vector<int> lines;
  for (const Diagnostic& mistake : found) {
    EXPECT_EQ(mistake.place.file, "net.txt");
    lines.push_back(mistake.place.line);
  }
  EXPECT_THAT(lines, testing::ElementsAre(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13));
}

TEST(EdgeList, WithoutCablesIsAMistake) {
  EXPECT_EQ(mistakes_in("").size(), 1U);
  EXPECT_EQ(mistakes_in("# nothing\nswitch a leaf\n").size(), 1U);
}

TEST(EdgeList, MustHaveACableForEveryCardAndNoOther) {
  EXPECT_THROW(make_fabric(custom(kTwoLeaves), cluster_size(3, 1)), InputError);
  EXPECT_THROW(make_fabric(custom(kTwoLeaves), cluster_size(1, 1)), InputError);
}

TEST(EdgeList, OfAnyTextIsReadOrRefused) {
  const std::vector<std::string> words = {
      "node0.nic0", "node1.nic0", "a",         "b",    "switch",   "leaf", "spine",
      "core",       "400Gbit/s",  "1us",       "2",    "-1",       "#",    "\n",
      "\r\n",       "nan us",     "1e999 B/s", ".nic", "node.nic", "\t",   "node99999999999.nic0"};
  std::mt19937_64 random(31);
  int read = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string text;
    const auto length = random() % 14;
    for (std::uint64_t word = 0; word < length; ++word) {
      if (random() % 12 == 0) {
        text += static_cast<char>(random() % 256);
      } else {
        text += words[random() % words.size()];
        text += random() % 3 == 0 ? '\n' : ' ';
      }
    }
    try {
      const FabricSpec spec = custom(text);
      ++read;
      const Fabric fabric = make_fabric(spec, cluster_size(1, 1));
      EXPECT_EQ(fabric.gpus(), 1);
    } catch (const InputError& error) {
      EXPECT_FALSE(error.diagnostics().empty());
    }
  }
  EXPECT_GT(read, 300);
}

}  // namespace
}  // namespace towtank
