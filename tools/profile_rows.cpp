#include "tools/profile_rows.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "sim/base/quantity_text.hpp"

namespace towtank {

void check_sms(const std::vector<const SampleTable*>& tables, const Gpu& gpu) {
  std::vector<Diagnostic> mistakes;
  const auto beyond = [&gpu](const Sample& sample) { return sample.sms > gpu.sms; };
  for (const SampleTable* const table : tables) {
    const auto first = std::ranges::find_if(table->samples, beyond);
    if (first == table->samples.end()) {
      continue;
    }
    const auto rows = std::count_if(first, table->samples.end(), beyond);
    mistakes.push_back(
        {.place = {.file = table->file, .line = static_cast<int>(first->line)},
         .message = fmt::format("measured on {} SMs, but {} has {}", first->sms, gpu.name, gpu.sms),
         .hint = fmt::format("name the profile of the GPU that was measured, or correct the SMs{}",
                             rows == 1 ? ""
                                       : fmt::format(" of all {} such rows",
                                                     format_count(static_cast<double>(rows))))});
  }
  if (!mistakes.empty()) {
    throw InputError(mistakes);
  }
}

}  // namespace towtank
