// What is known of one GPU: its datasheet, and the kernel and communication times measured on it.
//
// It answers "how long does this op take here" and says how it knows. Errors are relative, at 90%:
// nine of ten true times are expected within estimate * (1 +- error).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/model/op.hpp"
#include "sim/profile/fit/correction.hpp"
#include "sim/profile/fit/kernel_fit.hpp"
#include "sim/profile/gpu.hpp"
#include "sim/profile/kind_index.hpp"
#include "sim/profile/network_costs.hpp"

namespace towtank {

/// How a time is known, from best to worst.
enum class Origin {
  kMeasured,      // this op, this shape, these SMs
  kScaled,        // this op and shape, measured with another number of SMs
  kInterpolated,  // this op, between measured shapes
  kExtrapolated,  // this op, beyond the measured shapes; or a kernel like it
  kTransferred,   // measured on another GPU with the same compute (see Profile::transfer)
  kDatasheet,     // peak times a typical efficiency; nothing measured
};
inline constexpr int kOrigins = 6;
std::string_view name(Origin origin);

/// One measured kernel time.
struct MeasuredPoint {
  Op op;
  int sms = 0;  // SMs the kernel had
  Seconds time;
  double spread = 0.0;       // relative half-width of the repeated measurements
  std::string source;        // key of Profile::sources
  std::string library = {};  // that ran it; empty: not told, or part of a whole run
  /// Adopted from Profile::transfer's GPU, at the fraction of the roofline it reached there.
  bool transferred = false;
};

/// What a number rests on.
struct Source {
  std::string key;
  std::string text;  // what and where, for people
  std::string date;
};

/// How much of a link's raw bandwidth a kind of transfer achieves, and what it costs to start.
struct LinkEfficiency {
  double alone = 1.0;   // fraction of raw bandwidth with the GPU otherwise idle
  double shared = 1.0;  // fraction while compute kernels run beside it
  Seconds start_up;     // before the first byte: kernel launch, handshake
  int sms = 0;          // SMs the communication kernels held when this was measured; 0: none
  double error = 0.0;
  Origin origin = Origin::kDatasheet;
  std::string source;
};

/// Efficiency assumed for a kind of op of which nothing was measured.
struct FallbackEfficiency {
  double compute = 0.6;  // fraction of the tensor-core peak
  double memory = 0.6;   // fraction of the memory bandwidth
  double link = 0.7;     // fraction of a link's raw bandwidth
  double error = 0.3;
  std::string source;
};

/// Kernel times taken from another GPU because the compute parts are the same silicon.
struct Transfer {
  std::string from;  // profile name
  std::string reason;
  double error = 0.0;  // added to each transferred point's and fit's error
};

struct Profile {
  Gpu gpu;
  std::string gpu_source;  // key of Profile::sources
  std::vector<Source> sources;
  std::vector<MeasuredPoint> points;
  std::vector<KernelFit> fits;             // of those that match an op, the first is the default
  std::vector<FitCorrection> corrections;  // (fits), or empty: what `points` say about the fits
  FallbackEfficiency fallback;
  Seconds launch;  // between two dependent kernels of a stream
  std::string launch_source;
  std::optional<Transfer> transfer;
  std::array<std::array<LinkEfficiency, kMedia>, kLinkKinds> links;
  NetworkCosts network;      // of collectives; empty: none measured
  KindIndex points_by_kind;  // made by index_kinds(); without them estimates look at everything
  KindIndex fits_by_kind;

  const LinkEfficiency& link(TransferKind kind, Medium medium) const {
    return links[static_cast<std::size_t>(kind)][static_cast<std::size_t>(medium)];
  }
};

/// Makes the indices by kind. To be called again when measurements or fits were added.
void index_kinds(Profile& profile);

/// Calls `visit` with each measurement of a kind, in the order of the profile.
template <typename Visit>
void for_each_point(const Profile& profile, OpKind kind, Visit visit) {
  if (profile.points_by_kind.is_of(profile.points.size())) {
    for (const std::uint32_t i : profile.points_by_kind.of(kind)) {
      visit(profile.points[i]);
    }
    return;
  }
  for (const MeasuredPoint& point : profile.points) {
    if (point.op.kind == kind) {
      visit(point);
    }
  }
}

/// Calls `visit` with each fit of a kind, in the order of the profile.
template <typename Visit>
void for_each_fit(const Profile& profile, OpKind kind, Visit visit) {
  if (profile.fits_by_kind.is_of(profile.fits.size())) {
    for (const std::uint32_t i : profile.fits_by_kind.of(kind)) {
      visit(profile.fits[i]);
    }
    return;
  }
  for (const KernelFit& fit : profile.fits) {
    if (fit.key.kind == kind) {
      visit(fit);
    }
  }
}

/// A kernel time and how it is known. What it points to is owned by the profile.
struct Estimate {
  Seconds time;
  double error = 0.0;  // relative, at 90%
  Origin origin = Origin::kDatasheet;
  bool beyond = false;                     // beyond the measured sizes of what it rests on
  const MeasuredPoint* nearest = nullptr;  // the single measurement it rests on most
  const KernelFit* fit = nullptr;          // the fit it comes from
  const FitPoint* nearest_row = nullptr;   // that fit's nearest kept row
};

/// Time of `op` on `sms` SMs, run by `library` (empty: the profile's default), by the best rule for
/// which the profile has measurements:
///  1. this op was measured on these SMs: that time;
///  2. on other SMs: that time, scaled as the roofline scales; half of the change counts as error;
///     or rule 3 where that is surer;
///  3. a table of its kind was fitted: the fit, corrected by single measurements of the same kind
///     (see FitCorrection) unless a library is named;
///  4. single measurements of its kind and precision on other shapes: the fraction of the roofline
///     that the nearest reached. The error grows as far away points mispredict each other;
///  5. kernels like it (see from_relatives()), where rules 3 and 4 do not apply or are less sure
///     beyond the measured sizes; nothing was: the datasheet's peaks times a typical efficiency.
/// Rules 1 to 5 add the transfer's error where they rest on another GPU. A library that the profile
/// does not have is not replaced by another: find_fit() tells. Never fails, except that collectives
/// need the links' bandwidth (see what_is_missing()).
Estimate estimate(const Profile& profile, const Op& op, int sms, std::string_view library = {});

/// The fit that speaks for this op: of this library, or the first of any when `library` is empty.
/// "vllm" also finds "vllm/deepgemm", of several kernels one that was measured at such sizes. When
/// the attention window was not measured, the nearest that was. Null when there is none.
const KernelFit* find_fit(const Profile& profile, const Op& op, std::string_view library = {});

/// What the profile lacks to say anything about this op ("gpu.nvlink, ..."); empty when nothing.
std::string what_is_missing(const Profile& profile, const Op& op);

/// Reads NAME.toml from `directory`, and the profile it transfers from. InputError with every
/// mistake of the file, or naming the known GPUs when this one is not among them: a GPU never gets
/// another's numbers unless its file says so. EnvironmentError when the directory or file cannot be
/// read.
Profile read_profile(const std::string& directory, const std::string& gpu_name);

/// True when it holds a slash or ends in ".toml": then it is the path of a profile, not a name.
bool names_a_profile_file(const std::string& name_or_path);

/// The profile that `name_or_path` means; names are those of `directory`. The one that a profile by
/// path transfers from is in `directory`. Errors as read_profile().
Profile read_profile_named_or_at(const std::string& directory, const std::string& name_or_path);

/// Names of the profiles in `directory`, sorted.
std::vector<std::string> list_profiles(const std::string& directory);

}  // namespace towtank
