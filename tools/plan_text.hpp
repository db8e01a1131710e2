// A plan in one line of words.
#pragma once

#include <string>

#include "sim/plan/training_plan.hpp"

namespace towtank {

/// "PP16 x DP128 (EP64), ZeRO-1, dualpipe, 120 micro-batches of 1 x 4,096 tokens", and in front
/// "TP4 x " where tensor ranks share layers: tokens as these hold them together, each group of them
/// a part where several share a sequence.
std::string plan_line(const TrainingPlan& plan);

}  // namespace towtank
