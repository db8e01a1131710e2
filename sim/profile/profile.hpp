// What is known of one GPU: its datasheet, and the kernel and communication times measured on it.
//
// It answers "how long does this op take here" and says how it knows. Errors are relative, at 90%:
// nine of ten true times are expected within estimate * (1 +- error).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.hpp"
#include "sim/base/vocabulary.hpp"
#include "sim/model/op.hpp"

namespace towtank {

/// One GPU as its datasheet describes it. Peaks are dense.
struct Gpu {
  std::string name;  // the profile's name: "h800-sxm"
  int sms = 0;
  FlopRate bf16_peak;
  FlopRate fp8_peak;
  Bandwidth memory_bandwidth;
  Bytes memory;
};

/// How a time is known, from best to worst.
enum class Origin {
  kMeasured,      // this op, this shape, these SMs
  kScaled,        // this op and shape, measured with another number of SMs
  kInterpolated,  // this op, from measured shapes around it
  kTransferred,   // measured on another GPU with the same compute (see Profile::transfer)
  kDatasheet,     // peak times a typical efficiency; nothing measured
};
inline constexpr int kOrigins = 5;
std::string_view name(Origin origin);

/// One measured kernel time.
struct MeasuredPoint {
  Op op;
  int sms = 0;  // SMs the kernel had
  Seconds time;
  double spread = 0.0;  // relative half-width of the repeated measurements
  std::string source;   // key of Profile::sources
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
  double error = 0.0;  // added to each transferred point's error
};

struct Profile {
  Gpu gpu;
  std::string gpu_source;  // key of Profile::sources
  std::vector<Source> sources;
  std::vector<MeasuredPoint> points;
  FallbackEfficiency fallback;
  Seconds launch;  // between two dependent kernels of a stream
  std::string launch_source;
  std::optional<Transfer> transfer;
  std::array<std::array<LinkEfficiency, kMedia>, kTransferKinds> links;

  const LinkEfficiency& link(TransferKind kind, Medium medium) const {
    return links[static_cast<std::size_t>(kind)][static_cast<std::size_t>(medium)];
  }
};

/// A kernel time and how it is known.
struct Estimate {
  Seconds time;
  double error = 0.0;  // relative, at 90%
  Origin origin = Origin::kDatasheet;
  const MeasuredPoint* nearest = nullptr;  // the point it rests on; owned by the profile
};

/// Least time the datasheet allows: the larger of FLOP over peak (for `sms` of the GPU's SMs) and
/// bytes over memory bandwidth (which a few SMs suffice to fill). FP32 products run as TF32 on the
/// tensor cores, at half of the BF16 peak.
Seconds speed_of_light(const Op& op, const Gpu& gpu, int sms);

/// Time of `op` on `sms` SMs, by the best rule for which the profile has points:
///  1. this op was measured on these SMs: that time;
///  2. on other SMs: that time, scaled as the roofline scales; half of the change counts as error;
///  3. its kind and precision were measured on other shapes: the fraction of the roofline that the
///     nearest of them reached. The error grows with the distance, at the rate at which the
///     measured points mispredict each other;
///  4. nothing was: the datasheet's peaks times a typical efficiency.
/// Rules 1 to 3 add the transfer's error where points were adopted from another GPU. Never fails.
Estimate estimate(const Profile& profile, const Op& op, int sms);

/// Reads NAME.toml from `directory`, and the profile it transfers from. InputError with every
/// mistake of the file, or naming the known GPUs when this one is not among them: a GPU never gets
/// another's numbers unless its file says so. EnvironmentError when the directory or file cannot be
/// read.
Profile read_profile(const std::string& directory, const std::string& gpu_name);

/// Names of the profiles in `directory`, sorted.
std::vector<std::string> list_profiles(const std::string& directory);

}  // namespace towtank
