// The picture of a network. Tiers are rows, core switches on top, nodes at the bottom; networks
// without tiers are circles or grids of switches.
#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "reports/topology_text.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr double kWidth = 1280.0;
constexpr double kLeft = 150.0;  // of the rows; names of the rows are left of it
constexpr double kRight = kWidth - 30.0;
constexpr double kRowHeight = 140.0;
constexpr double kTop = 96.0;

/// Colours of planes and groups: the qualitative palette of Okabe and Ito (2008), safe for the
/// colour-blind, with a purple and a brown for its black and yellow.
constexpr std::array<std::string_view, 8> kColours = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b3a8c", "#7a5230"};

std::string_view colour_of(int group) {
  return kColours[static_cast<std::size_t>(group < 0 ? 0 : group) % kColours.size()];
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += letter;
    }
  }
  return safe;
}

struct Point {
  double x = 0.0;
  double y = 0.0;
};

class Canvas {
 public:
  void line(Point a, Point b, std::string_view colour, double width, double opacity) {
    body_ += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"{:.2f}\" stroke-opacity=\"{:.2f}\"/>\n",
        a.x,
        a.y,
        b.x,
        b.y,
        colour,
        width,
        opacity);
  }
  void box(Point centre,
           double width,
           double height,
           std::string_view fill,
           std::string_view edge,
           std::string_view tip) {
    body_ += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"3\" fill=\"{}\" "
        "stroke=\"{}\"><title>{}</title></rect>\n",
        centre.x - width / 2.0,
        centre.y - height / 2.0,
        width,
        height,
        fill,
        edge,
        escaped(tip));
  }
  void dot(Point centre, double radius, std::string_view fill) {
    body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\"/>\n",
                         centre.x,
                         centre.y,
                         radius,
                         fill);
  }
  void text(Point at,
            std::string_view words,
            double size,
            std::string_view anchor,
            std::string_view colour) {
    body_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.0f}\" text-anchor=\"{}\" "
        "fill=\"{}\">{}</text>\n",
        at.x,
        at.y,
        size,
        anchor,
        colour,
        escaped(words));
  }
  std::string finish(double height, std::string_view title) const {
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
               "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"Helvetica, Arial, sans-serif\">\n"
               "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
               kWidth,
               height,
               escaped(title)) +
           body_ + "</svg>\n";
  }

 private:
  std::string body_;
};

constexpr std::string_view kInk = "#1f2933";
constexpr std::string_view kFaint = "#6b7785";

void draw_title(const TopologyReport& report, Canvas& canvas) {
  const auto count = [](std::int64_t number) { return format_count(static_cast<double>(number)); };
  canvas.text({kLeft - 120.0, 38.0}, report.name, 22.0, "start", kInk);
  canvas.text({kLeft - 120.0, 62.0},
              fmt::format("{} network: {} endpoints, {} switches, {} links between them, bisection "
                          "{}{}",
                          report.kind,
                          count(report.endpoints),
                          count(report.switches),
                          count(report.inter_switch_links),
                          report.bisection_exact ? "" : "at most ",
                          format_bandwidth(report.bisection)),
              14.0,
              "start",
              kFaint);
}

/// The middle of the `index`th of `count` places in a row.
double place_in_row(int index, std::size_t count) {
  return kLeft + (kRight - kLeft) * (index + 0.5) / static_cast<double>(count);
}

double width_in_row(std::size_t count, double most) {
  return std::min(most,
                  0.72 * (kRight - kLeft) / static_cast<double>(std::max<std::size_t>(count, 1)));
}

/// What stands in the boxes of a row: names, without what all of them share, when they fit.
std::string short_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return std::string(dot == std::string_view::npos ? name : name.substr(dot + 1));
}

void draw_gap(Point left, Point right, Canvas& canvas) {
  const Point middle{(left.x + right.x) / 2.0, left.y};
  for (const double step : {-5.0, 0.0, 5.0}) {
    canvas.dot({middle.x + step, middle.y}, 1.6, kFaint);
  }
}

void draw_row(const DrawnTier& tier, double y, Canvas& canvas) {
  const std::size_t count = tier.shown.size();
  const double width = width_in_row(count, 84.0);
  for (std::size_t i = 0; i < count; ++i) {
    const DrawnDevice& device = tier.shown[i];
    const Point centre{place_in_row(static_cast<int>(i), count), y};
    canvas.box(centre, width, 30.0, colour_of(device.plane), "none", device.name);
    const std::string name = short_name(device.name);
    if (width > 7.0 * static_cast<double>(name.size())) {
      canvas.text({centre.x, y + 4.5}, name, 12.0, "middle", "#ffffff");
    }
    if (device.gap_after && i + 1 < count) {
      draw_gap(centre, {place_in_row(static_cast<int>(i) + 1, count), y}, canvas);
    }
  }
  canvas.text({30.0, y - 2.0}, tier.kind, 16.0, "start", kInk);
  canvas.text(
      {30.0, y + 17.0}, format_count(static_cast<double>(tier.count)), 13.0, "start", kFaint);
}

/// A node: its cards on the upper edge, then PCIe switches, GPUs, NVLink switches.
void draw_node(const TopologyDrawing& drawing, int index, double y, Canvas& canvas) {
  const std::size_t count = drawing.nodes.size();
  const double x = place_in_row(index, count);
  const double width = 0.9 * (kRight - kLeft) / static_cast<double>(count);
  canvas.box({x, y + 62.0},
             width,
             150.0,
             "#f5f7fa",
             "#cbd2d9",
             drawing.nodes[static_cast<std::size_t>(index)].name);
  const auto row =
      [&canvas, x, width](
          int devices, double at, double height, std::string_view fill, std::string_view tip) {
        const double step = (width - 12.0) / std::max(devices, 1);
        for (int i = 0; i < devices; ++i) {
          const double centre = x - (width - 12.0) / 2.0 + step * (i + 0.5);
          canvas.box({centre, at},
                     std::max(1.0, step * 0.74),
                     height,
                     fill,
                     "none",
                     fmt::format("{}{}", tip, i));
        }
      };
  row(drawing.pcie_per_node, y + 28.0, 8.0, "#9aa5b1", "pcie");
  row(drawing.gpus_per_node, y + 62.0, 34.0, "#3e4c59", "gpu");
  row(drawing.nvswitches_per_node, y + 106.0, 14.0, "#76b900", "nvswitch");
  canvas.text(
      {x, y + 131.0}, drawing.nodes[static_cast<std::size_t>(index)].name, 12.0, "middle", kInk);
  if (drawing.nodes[static_cast<std::size_t>(index)].gap_after) {
    draw_gap({x, y + 62.0}, {place_in_row(index + 1, count), y + 62.0}, canvas);
  }
}

/// Cards sit on their nodes: `nics` of them on each node shown.
double card_place(const TopologyDrawing& drawing, int card) {
  const int nics = std::max(drawing.nics_per_node, 1);
  const std::size_t count = drawing.nodes.size();
  const double width = 0.9 * (kRight - kLeft) / static_cast<double>(count);
  return place_in_row(card / nics, count) - (width - 12.0) / 2.0 +
         (width - 12.0) / nics * (card % nics + 0.5);
}

double row_of(std::size_t tier) {
  return kTop + 40.0 + kRowHeight * static_cast<double>(tier);
}

void draw_links(const TopologyDrawing& drawing, Canvas& canvas) {
  const auto last = static_cast<int>(drawing.tiers.size()) - 1;
  const double opacity = std::clamp(
      90.0 / static_cast<double>(std::max<std::size_t>(drawing.links.size(), 1)), 0.16, 0.6);
  for (const DrawnLink& link : drawing.links) {
    const auto upper = static_cast<std::size_t>(link.tier);
    const DrawnTier& above = drawing.tiers[upper];
    const DrawnTier& below = drawing.tiers[upper + 1];
    const bool to_card = link.tier + 1 == last;
    const Point from{place_in_row(link.upper, above.shown.size()), row_of(upper) + 15.0};
    const Point to{
        to_card ? card_place(drawing, link.lower) : place_in_row(link.lower, below.shown.size()),
        row_of(upper + 1) - (to_card ? 5.0 : 15.0)};
    const bool sound = link.health >= 1.0;
    const int plane = above.shown[static_cast<std::size_t>(link.upper)].plane;
    canvas.line(
        from, to, sound ? colour_of(plane) : "#d00000", sound ? 1.2 : 2.4, sound ? opacity : 0.95);
  }
}

std::string tiers_svg(const TopologyReport& report) {
  const TopologyDrawing& drawing = report.drawing;
  Canvas canvas;
  draw_title(report, canvas);
  draw_links(drawing, canvas);
  const std::size_t cards = drawing.tiers.size() - 1;
  for (std::size_t tier = 0; tier < cards; ++tier) {
    draw_row(drawing.tiers[tier], row_of(tier), canvas);
    canvas.text(
        {30.0, row_of(tier) + 74.0}, drawing.tiers[tier].links_below, 12.0, "start", kFaint);
  }
  const double y = row_of(cards);
  for (std::size_t node = 0; node < drawing.nodes.size(); ++node) {
    draw_node(drawing, static_cast<int>(node), y, canvas);
  }
  const double width = std::max(2.0, 0.62 * (card_place(drawing, 1) - card_place(drawing, 0)));
  for (std::size_t card = 0; card < drawing.tiers[cards].shown.size(); ++card) {
    const DrawnDevice& device = drawing.tiers[cards].shown[card];
    canvas.box({card_place(drawing, static_cast<int>(card)), y},
               std::min(width, 26.0),
               12.0,
               colour_of(device.plane),
               "none",
               device.name);
  }
  const auto count = [](std::int64_t number) { return format_count(static_cast<double>(number)); };
  canvas.text({30.0, y + 2.0}, "nic", 16.0, "start", kInk);
  canvas.text({30.0, y + 21.0}, count(drawing.tiers[cards].count), 13.0, "start", kFaint);
  const auto label = [&canvas, y](double down, std::string_view words) {
    canvas.text({30.0, y + down}, words, 13.0, "start", kFaint);
  };
  if (drawing.pcie_per_node > 0) {
    label(38.0, "pcie");
  }
  canvas.text({30.0, y + 64.0}, "gpu", 16.0, "start", kInk);
  label(82.0, count(std::int64_t{report.nodes} * report.gpus_per_node));
  if (drawing.nvswitches_per_node > 0) {
    label(110.0, "nvswitch");
  }
  label(131.0, fmt::format("{} nodes, {}", count(report.nodes), report.node));
  return canvas.finish(y + 160.0, report.name);
}

// ---- Circles and grids ----

constexpr double kFieldTop = 90.0;
constexpr double kFieldSize = 800.0;

Point on_circle(std::size_t index, std::size_t count) {
  const double angle = 6.283185307179586 * static_cast<double>(index) / static_cast<double>(count);
  const double radius = kFieldSize / 2.0 - 20.0;
  return {kWidth / 2.0 + radius * std::sin(angle),
          kFieldTop + kFieldSize / 2.0 - radius * std::cos(angle)};
}

/// Up to two dimensions lie in the page; each further one shifts to the side.
Point on_grid(std::size_t index, const std::vector<int>& sizes) {
  std::vector<double> place;
  std::size_t left = index;
  for (const int size : sizes) {
    place.push_back(static_cast<double>(left % static_cast<std::size_t>(size)));
    left /= static_cast<std::size_t>(size);
  }
  place.resize(3, 0.0);
  const double wide = sizes[0] + (sizes.size() > 2 ? 0.38 * sizes[2] : 0.0);
  const double high = (sizes.size() > 1 ? sizes[1] : 1) + (sizes.size() > 2 ? 0.3 * sizes[2] : 0.0);
  const double step = std::min((kWidth - 120.0) / wide, kFieldSize / high);
  const double x = (place[0] + 0.38 * place[2] + 0.5 - wide / 2.0) * step;
  const double y = (place[1] + 0.3 * place[2] + 0.5 - high / 2.0) * step;
  return {kWidth / 2.0 + x, kFieldTop + kFieldSize / 2.0 + y};
}

std::string switches_svg(const TopologyReport& report) {
  const DrawnSwitches& switches = *report.drawing.switches;
  const std::size_t count = switches.groups.size();
  const auto place = [&switches, count](int index) {
    const auto i = static_cast<std::size_t>(index);
    return switches.grid.empty() ? on_circle(i, count) : on_grid(i, switches.grid);
  };
  Canvas canvas;
  draw_title(report, canvas);
  const double opacity = std::clamp(
      220.0 / static_cast<double>(std::max<std::size_t>(switches.links.size(), 1)), 0.07, 0.6);
  for (const auto& [a, b] : switches.links) {
    const int group = switches.groups[static_cast<std::size_t>(a)];
    const bool inside = group == switches.groups[static_cast<std::size_t>(b)];
    canvas.line(place(a), place(b), inside ? colour_of(group) : "#52606d", 1.0, opacity);
  }
  const double radius =
      std::clamp(500.0 / static_cast<double>(std::max<std::size_t>(count, 1)), 2.2, 11.0);
  for (std::size_t i = 0; i < count; ++i) {
    canvas.dot(place(static_cast<int>(i)), radius, colour_of(switches.groups[i]));
  }
  const double bottom = kFieldTop + kFieldSize + 24.0;
  canvas.text({kWidth / 2.0, bottom}, switches.remark, 14.0, "middle", kFaint);
  return canvas.finish(bottom + 24.0, report.name);
}

}  // namespace

std::string topology_svg(const TopologyReport& report) {
  return report.drawing.switches ? switches_svg(report) : tiers_svg(report);
}

}  // namespace towtank
