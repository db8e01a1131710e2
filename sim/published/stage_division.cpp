#include "sim/published/stage_division.hpp"

#include <cstddef>

namespace towtank {

std::vector<int> even_stage_layers(std::int64_t layers, std::int64_t stages) {
  for (const int ends : {0, 2, 1}) {
    if ((layers + ends) % stages != 0) {
      continue;
    }
    const int each = static_cast<int>((layers + ends) / stages);
    const bool enough = each > 1 || (each == 1 && ends == 0);
    if (!enough || stages < 2) {
      continue;
    }
    std::vector<int> division(static_cast<std::size_t>(stages), each);
    if (ends > 0) {
      --division.back();
    }
    if (ends > 1) {
      --division.front();
    }
    return division;
  }
  return {};
}

}  // namespace towtank
