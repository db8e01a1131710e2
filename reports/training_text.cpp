#include "reports/training_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "reports/figures.hpp"
#include "reports/groups_text.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {
namespace {

constexpr std::size_t kGap = 6;          // between blocks beside each other
constexpr std::size_t kCausesShown = 8;  // of the critical path

struct PhaseRow {
  std::string_view name;
  Seconds PhaseTimes::*time;
};

constexpr std::array kPhaseRows = {
    PhaseRow{"forward", &PhaseTimes::forward},
    PhaseRow{"backward", &PhaseTimes::backward},
    PhaseRow{"weight", &PhaseTimes::weight},
    PhaseRow{"overlapped", &PhaseTimes::overlapped},
    PhaseRow{"bubble", &PhaseTimes::bubble},
    PhaseRow{"optimizer", &PhaseTimes::optimizer},
};

void append(Lines& lines, const Lines& more) {
  lines.insert(lines.end(), more.begin(), more.end());
}

Lines titled(std::string_view title, const Lines& body, Colour colour) {
  Lines lines = {heading(title, colour)};
  append(lines, body);
  return lines;
}

Lines head(const TrainingReport& report, Colour colour) {
  const StepReport& step = report.step;
  const EfficiencyReport& efficiency = report.efficiency;
  Lines lines = {heading(report.title, colour)};
  append(
      lines,
      aligned({{"plan", report.plan},
               {"GPUs", format_count(report.engine.gpus) + " x " + report.gpu},
               {"price", price_text(report.price) + " a GPU-hour (" + report.price_source + ")"}},
              "ll"));
  lines.emplace_back();
  lines.push_back(heading(fmt::format("Step {}", format_time(step.time)), colour) +
                  fmt::format("  ({} to {}: 90%, kernel and link errors only)",
                              format_time(step.low),
                              format_time(step.high)));
  if (report.neighbours) {
    std::vector<std::string> jobs;
    jobs.reserve(report.neighbours->jobs.size());
    for (const NeighbourReport& job : report.neighbours->jobs) {
      jobs.push_back(fmt::format(
          "{} ({} GPUs on {} nodes)", job.name, format_count(job.gpus), format_count(job.nodes)));
    }
    lines.push_back(fmt::format("  {} beside {} ({:+.1f}%); all other figures are of the job alone",
                                format_time(report.neighbours->beside),
                                fmt::join(jobs, " and "),
                                100.0 * (report.neighbours->slowdown - 1.0)));
  }
  append(lines,
         aligned({{"tokens",
                   fmt::format("{} a step, {} a day, {} a second and GPU",
                               short_count(step.tokens),
                               short_count(step.tokens_per_day),
                               format_count(step.tokens_per_second_per_gpu))},
                  {"speed",
                   fmt::format("{} a GPU with causal attention ({} with full)",
                               flop_rate_text(efficiency.per_gpu_causal),
                               flop_rate_text(efficiency.per_gpu_full))},
                  {"MFU",
                   fmt::format("{} of the BF16 peak ({})",
                               percent(efficiency.mfu_causal),
                               percent(efficiency.mfu_full))}},
                 "ll"));
  return lines;
}

Lines phases_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows = {{"", "rank 0", "", "all ranks"}};
  const auto row = [&](std::string_view name, Seconds rank_0, Seconds mean) {
    rows.push_back({std::string(name),
                    format_time(rank_0),
                    percent(rank_0 / report.step.time),
                    format_time(mean),
                    percent(mean / report.step.time)});
  };
  for (const PhaseRow& phase : kPhaseRows) {
    row(phase.name, report.phases.*phase.time, report.mean_phases.*phase.time);
  }
  row("of it waiting for links",
      report.phases.exposed_communication,
      report.mean_phases.exposed_communication);
  return titled("Phases of pipeline rank 0, and the mean of all", aligned(rows, "lrrrr"), colour);
}

Lines causes_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows;
  Seconds rest = report.step.time;
  for (const CriticalShare& share : report.critical_path) {
    if (rows.size() == kCausesShown) {
      break;
    }
    rows.push_back({share.cause, format_time(share.time), percent(share.time / report.step.time)});
    rest -= share.time;
  }
  if (report.critical_path.size() > kCausesShown) {
    rows.push_back({"everything else", format_time(rest), percent(rest / report.step.time)});
  }
  return titled("What the step waits for (critical path)", aligned(rows, "lrr"), colour);
}

Lines origins_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows;
  for (const OriginShare& origin : report.origins) {
    rows.push_back({origin.origin, percent(origin.share)});
  }
  return titled("How the kernel times are known", aligned(rows, "lr"), colour);
}

/// "pipeline rank 3", with the phase of training unless it is the main run.
std::string where(const MemoryReport& memory) {
  const std::string rank = fmt::format("pipeline rank {}", memory.pipeline);
  return memory.phase == kMainRun ? rank : rank + ", " + memory.phase;
}

Lines memory_block(const TrainingReport& report, Colour colour) {
  const MemoryReport& memory = report.memory;
  std::vector<Cells> rows;
  for (const auto& [name, size] : memory.classes) {
    if (size > Bytes{}) {
      rows.push_back({name, format_data(size), percent(size / memory.capacity)});
    }
  }
  const std::string title = fmt::format("Memory {} of {} ({})",
                                        format_data(memory.peak),
                                        format_data(memory.capacity),
                                        where(memory));
  Lines lines = titled(title, aligned(rows, "lrr"), colour);
  if (!memory.fits) {
    lines.front() += alarm(" DOES NOT FIT", colour);
  }
  return lines;
}

/// "of 50.0 GB/s, rank 7"; of the fabric's wires how many there are.
std::string link_text(const LinkReport& link) {
  const std::string capacity = "of " + format_bandwidth(link.capacity);
  if (link.pipeline) {
    return fmt::format("{}, rank {}", capacity, *link.pipeline);
  }
  const std::string cables = link.cables > 1 ? fmt::format(" in {} cables", link.cables) : "";
  const std::string many = format_count(static_cast<double>(link.links));
  if (link.as_busy == link.links) {
    return fmt::format("{}{}, as all {}", capacity, cables, many);
  }
  return fmt::format(
      "{}{}, mean of {}: {}", capacity, cables, many, percent(link.mean_utilisation));
}

/// Says which wires of the fabric the step waits for.
Lines limits_lines(const TrainingReport& report) {
  Lines lines;
  for (const LinkReport& link : report.links) {
    if (!link.pipeline && link.limits > Seconds{}) {
      lines.push_back(fmt::format("  the step waits {} ({}) for {}",
                                  format_time(link.limits),
                                  percent(link.limits / report.step.time),
                                  link.name));
    }
  }
  return lines;
}

Lines links_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows;
  for (const LinkReport& link : report.links) {
    rows.push_back({link.name, percent(link.utilisation), link_text(link)});
  }
  Lines lines = titled("Busiest links, mean over the step", aligned(rows, "lrl"), colour);
  append(lines, limits_lines(report));
  return lines;
}

Cells run_row(const RunCost& cost) {
  return {cost.name,
          cost.tokens > 0.0 ? short_count(cost.tokens) : "",
          fmt::format("{:.1f}", cost.duration / day),
          hours_text(cost.gpu_hours),
          format_dollars(cost.dollars),
          dollars_range(cost),
          cost.basis};
}

Lines run_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows = {{"", "tokens", "days", "GPU-hours", "dollars", "range", "basis"}};
  RunCost total;
  total.name = "total";
  total.gpu_hours = report.total_gpu_hours;
  total.dollars = report.total_dollars;
  Dollars half_width;  // simulated phases share their errors, so that half-widths add
  for (const RunCost& phase : report.phases_of_training) {
    rows.push_back(run_row(phase));
    total.tokens += phase.tokens;
    total.duration += phase.duration;
    half_width += phase.error * phase.dollars;
  }
  total.error = total.dollars > Dollars{} ? half_width / total.dollars : 0.0;
  rows.push_back(run_row(total));
  return titled("Run", aligned(rows, "lrrrrll"), colour);
}

/// Published figures are of the scenario as its file has it; an override asks about another one.
std::string published_title(const TrainingReport& report) {
  std::vector<std::string> changes;
  for (const std::string& key : report.overrides) {
    if (key.substr(0, key.find('.')) != "published") {
      changes.push_back(key);
    }
  }
  const std::string title = "Against published figures";
  return changes.empty() ? title
                         : fmt::format("{}, which are of the scenario without --set {}",
                                       title,
                                       fmt::join(changes, ", "));
}

/// Of shares in points of a percent, of all else relative.
std::string miss_text(const PublishedComparison& figure) {
  if (!figure.projected) {
    return "-";
  }
  return figure.metric.starts_with("efficiency.mfu_")
             ? signed_points(*figure.projected - figure.published)
             : signed_percent(*figure.miss());
}

Lines published_block(const TrainingReport& report, Colour colour) {
  std::vector<Cells> rows = {{"", "published", "projected", "miss", "source"}};
  for (const PublishedComparison& figure : report.published) {
    rows.push_back({figure.metric,
                    metric_text(figure.metric, figure.published),
                    figure.projected ? metric_text(figure.metric, *figure.projected) : "-",
                    miss_text(figure),
                    figure.source});
  }
  return titled(published_title(report), aligned(rows, "lrrrl"), colour);
}

std::string engine_line(const EngineReport& engine) {
  const std::string ranks = engine.folded
                                ? fmt::format("{} GPUs folded into {} {}",
                                              format_count(engine.gpus),
                                              format_count(engine.classes),
                                              engine.classes == 1 ? "class" : "classes")
                                : fmt::format("{} GPUs, not folded", format_count(engine.gpus));
  return fmt::format(
      "Simulated {} activities, {}.", format_count(static_cast<double>(engine.activities)), ranks);
}

}  // namespace

std::string training_text(const TrainingReport& report, Colour colour) {
  Lines lines = head(report, colour);
  const auto section = [&lines](const Lines& block) {
    lines.emplace_back();
    append(lines, block);
  };
  section(beside(phases_block(report, colour), causes_block(report, colour), kGap));
  Lines known = links_block(report, colour);
  append(known, origins_block(report, colour));
  section(beside(memory_block(report, colour), known, kGap));
  section(groups_block(report, colour));
  section(run_block(report, colour));
  if (!report.published.empty()) {
    section(published_block(report, colour));
  }
  section({engine_line(report.engine)});
  return joined(lines);
}

std::string ranks_text(const TrainingReport& report, Colour colour) {
  Cells header = {"rank", "GPUs"};
  for (const PhaseRow& phase : kPhaseRows) {
    header.emplace_back(phase.name);
  }
  header.insert(header.end(), {"links", "memory"});
  std::vector<Cells> rows = {header};
  for (const RankReport& rank : report.ranks) {
    Cells row = {std::to_string(rank.pipeline), format_count(static_cast<double>(rank.ranks))};
    for (const PhaseRow& phase : kPhaseRows) {
      row.push_back(format_time(rank.phases.*phase.time));
    }
    row.push_back(format_time(rank.phases.exposed_communication));
    row.push_back(format_data(rank.peak_memory));
    rows.push_back(row);
  }
  Lines lines = titled("Pipeline ranks (links: waiting for them, part of the phases)",
                       aligned(rows, "rrrrrrrrrr"),
                       colour);
  return joined(lines);
}

std::string memory_overflow(const MemoryReport& memory) {
  if (memory.fits) {
    return "";
  }
  std::string text = fmt::format("does not fit: {} needs {} of {}",
                                 where(memory),
                                 format_data(memory.peak),
                                 format_data(memory.capacity));
  if (!memory.classes.empty()) {
    const auto& [name, size] = memory.classes.front();
    text += fmt::format("; most of it is {} ({})", name, format_data(size));
  }
  if (!memory.moment.empty()) {
    text += ", the peak is in the " + memory.moment;
  }
  if (!memory.fix.empty()) {
    text += fmt::format("\n  hint: it fits with {}", fmt::join(memory.fix, ", "));
  }
  return text;
}

}  // namespace towtank
