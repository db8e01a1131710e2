// How long a movement takes when nothing else moves: the closed form that the event engine must
// agree with on an idle, non-blocking network.
//
// A phase takes  hops + fill + transfer:
//   transfer  its fullest port: bytes / (raw bandwidth * share that is payload)
//   hops      of the longest way, each at the cost of its medium
//   fill      0 for protocols that send at once (LL, LL128). Simple cuts the bytes into chunks that
//             follow each other over the NVLinks; with s = (NVLink hops) * (cost of a hop) and
//             chunks of the best size such a pipeline takes (sqrt(s) + sqrt(nvlink))^2, which is 2
//             sqrt(s * nvlink) more than the two. What of it the network cards hide, being the
//             slower, does not count.
// and the whole its phases and one start-up. Hops and fill do not shrink when others leave the
// network: an engine waits for them, and then lets the bytes flow.
#pragma once

#include <string_view>

#include "sim/base/units.hpp"
#include "sim/collective/collective.hpp"
#include "sim/collective/movement.hpp"
#include "sim/profile/network_costs.hpp"
#include "sim/profile/profile.hpp"

namespace towtank {

/// Raw bandwidths of one GPU's ports, per direction.
struct PortSpeeds {
  Bandwidth nvlink;
  Bandwidth nic;          // all its cards together
  Bandwidth card = {};    // one card; only needed where GPUs share it
  int gpus_per_card = 1;  // that share it: neighbours in a node
};

/// What most of the time goes to.
enum class Limit { kNvlink, kNic, kLatency };
std::string_view name(Limit limit);

struct PhaseTiming {
  Seconds hops = {};
  Seconds fill = {};
  Seconds nvlink = {};  // the fullest NVLink port alone
  Seconds nic = {};     // the fullest port to the network, or shared card, alone

  Seconds transfer() const { return nvlink > nic ? nvlink : nic; }
  Seconds total() const { return hops + fill + transfer(); }
};

struct Timing {
  Seconds start_up;
  std::vector<PhaseTiming> phases;

  Seconds total() const;
  /// All but the transfers: what does not depend on what else moves.
  Seconds latency() const;
  Limit limit() const;
};

/// Time of a movement alone. `members` are the call's.
Timing alone(const Movement& movement,
             const std::vector<Member>& members,
             const NetworkCost& cost,
             const PortSpeeds& speeds);

/// The cost of kernels of which only the links' shares were measured: point-to-point copies, and
/// DeepEP's normal dispatch and combine. Their start-up is that of the medium that the call crosses
/// last.
NetworkCost link_cost(const Profile& profile, TransferKind kind, bool crosses_network);

}  // namespace towtank
