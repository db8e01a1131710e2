// The text that nccl-tests prints (all_reduce_perf, all_gather_perf, ...), one run or several, one
// after the other.
//
// The `Rank` lines say how many GPUs took part and on how many hosts; every row of the table below
// them is a sample. The collective is named by the line "Collective test starting: ..." of newer
// versions, otherwise by the file's name, otherwise by what the rows leave possible: reductions
// name their operator, rooted collectives their root, and bus bandwidth over algorithm bandwidth is
// 2(n-1)/n for an all-reduce, (n-1)/n for gathering, scattering and exchanging, 1 for the rest
// (nccl-tests, doc/PERFORMANCE.md).
#pragma once

#include <string>
#include <string_view>

#include "sim/profile/sample.hpp"

namespace towtank {

/// Whether a file that starts like this was printed by nccl-tests.
bool looks_like_nccl_tests(std::string_view first_bytes);

/// The collectives of a run, library "nccl". Times are out of place; in place where only that was
/// run. Rows without a time, without data, of other element types than the catalogue's, or whose
/// result nccl-tests found wrong are skipped. InputError, with lines, when a row does not parse or
/// contradicts itself (algorithm bandwidth is size over time), when ranks are missing or lie
/// unevenly on the hosts, and when the collective is not modelled or cannot be told.
SampleTable read_nccl_tests(std::string_view text, const std::string& file);

}  // namespace towtank
