// Any file of measured kernel times, as samples.
#pragma once

#include <string>
#include <string_view>

#include "sim/profile/sample.hpp"

namespace towtank {

/// Reads a file of measured times: Towtank's own measurements, the text of nccl-tests, or
/// comma-separated text (gzip or not), whose kind shows in its columns and, where they leave that
/// open, in the file's name. InputError with the lines of all mistakes (ten at most) and no sample
/// of a file that has any; or naming what can be read where this cannot, or where no row is of use.
/// EnvironmentError when the file cannot be read. A trace is no table: see read_kineto().
SampleTable read_table(const std::string& path);

/// The same of a text that stands in a file called `path`.
SampleTable read_table_text(std::string_view text, const std::string& path);

}  // namespace towtank
