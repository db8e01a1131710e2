// Token copies per expert, as a running model counted them, from a CSV file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace towtank {

/// The columns are `expert` and `count`, and `layer` where several layers were counted. The counts
/// of `layer`, one for each of `experts` experts: every expert stands once, counted from 0; some
/// count is not zero. Throws InputError with the lines that are wrong. `file` names the text.
std::vector<double> parse_expert_counts(std::string_view text,
                                        const std::string& file,
                                        std::int64_t experts,
                                        std::optional<std::int64_t> layer);

/// The same from a file. EnvironmentError when it cannot be read.
std::vector<double> read_expert_counts(const std::string& path,
                                       std::int64_t experts,
                                       std::optional<std::int64_t> layer);

}  // namespace towtank
