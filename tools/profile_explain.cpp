// towtank profile explain OP SIZE=...: how long an op takes on a GPU, and how that is known.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "reports/profile_explanation_text.hpp"
#include "sim/base/suggest.hpp"
#include "sim/profile/op_text.hpp"
#include "sim/profile/profile.hpp"
#include "tools/profile_commands.hpp"
#include "tools/profile_explanation.hpp"

namespace towtank {
namespace {

struct ExplainOptions {
  std::string op;
  std::vector<std::string> sizes;
  std::string precision;
  std::string library;
  std::string gpu;
  int sms = 0;  // 0: all of the GPU
  bool json = false;
};

void check_sms(int sms, const Gpu& gpu) {
  if (sms < 0 || sms > gpu.sms) {
    throw UsageError(
        fmt::format("towtank profile explain: --sms {}, but {} has {} SMs", sms, gpu.name, gpu.sms),
        "leave it out for all of them");
  }
}

void check_library(const Profile& profile, const Op& op, const std::string& library) {
  const std::vector<std::string> known = libraries_for(profile, op);
  const bool is_known = std::ranges::any_of(known, [&library](const std::string& each) {
    return each == library || each.starts_with(library + "/");
  });
  if (library.empty() || is_known) {
    return;
  }
  throw UsageError(fmt::format("towtank profile explain: {} has no {} {} measured with '{}'",
                               profile.gpu.name,
                               name(op.kind),
                               name(op.precision),
                               library),
                   known.empty() ? "leave out --library: none is known" : suggest(library, known));
}

void check_nothing_missing(const Profile& profile, const Op& op) {
  const std::string missing = what_is_missing(profile, op);
  if (!missing.empty()) {
    throw UsageError(fmt::format("towtank profile explain: the profile of {} says nothing of {}",
                                 profile.gpu.name,
                                 name(op.kind)),
                     "it lacks " + missing);
  }
}

void explain_op(const ExplainOptions& options, Colour colour) {
  const Op op = parse_op(options.op, options.precision, options.sizes);
  const Profile profile = selected_profile(options.gpu);
  check_sms(options.sms, profile.gpu);
  check_nothing_missing(profile, op);
  check_library(profile, op, options.library);
  const int sms = options.sms == 0 ? profile.gpu.sms : options.sms;
  const Explanation explanation = explain(profile, op, sms, options.library);
  print(options.json ? profile_explanation_json(explanation)
                     : profile_explanation_text(explanation, colour));
}

constexpr const char* kExamples =
    "Examples:\n"
    "  towtank profile explain gemm m=4096 n=7168 k=16384 --precision fp8-block --gpu h100-sxm\n"
    "  towtank profile explain attention-decode batch=64 heads=32 kv_heads=8 head_dim=128 \\\n"
    "    context=8192 --gpu h200-sxm\n"
    "  towtank profile explain all-reduce ranks=8 bytes=67108864 --gpu h100-sxm";

}  // namespace

void add_profile_explain(CLI::App& profile, Invocation& invocation) {
  CLI::App* const command = profile.add_subcommand(
      "explain", "How long an op takes, the measurements around it, and its roofline");
  const auto options = std::make_shared<ExplainOptions>();
  command->add_option("OP", options->op, "Kind of op: gemm, attention-forward, all-reduce, ...")
      ->required()
      ->type_name("");
  command->add_option("SIZE", options->sizes, "Its sizes, such as m=4096")
      ->required()
      ->type_name("");
  command->add_option("--gpu", options->gpu, kProfileHelp)->required()->type_name("GPU");
  command->add_option("--precision", options->precision, "Of the operands [bf16]")
      ->type_name("WORD");
  command->add_option("--library", options->library, "Whose kernels [the profile's first]")
      ->type_name("WORD");
  command->add_option("--sms", options->sms, "SMs that the kernel is given [all]")->type_name("N");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(kExamples);
  command->callback([options, &invocation] { explain_op(*options, invocation.colour); });
}

}  // namespace towtank
