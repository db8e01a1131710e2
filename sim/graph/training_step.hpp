// Lowers one training step (a global batch) to an op graph.
#pragma once

#include "sim/cluster/cluster.hpp"
#include "sim/graph/job_layout.hpp"
#include "sim/graph/op_graph.hpp"
#include "sim/model/architecture.hpp"
#include "sim/plan/training_plan.hpp"

namespace towtank {

/// The graph of the job of a checked plan on a cluster of as many GPUs:
///
/// - Chunks of the schedule become segments on the compute stream and dispatches and combines on
/// the
///   expert stream. Overlapped chunks interleave as DualPipe does (report, figure 4): attention F,
///   experts B, experts W, experts F, attention B, attention W, layer by layer.
/// - Chunk boundaries become point-to-point transfers.
/// - Ranks that share layers' columns gather and scatter their tokens on a stream of their own,
///   where the kernels around wait for it (unit_segments.hpp). Weight gradients run beside the last
///   scatter of an input gradient; with plan.overlap.tensor gathers and scatters are cut into
///   pieces beside the GEMM next to them.
/// - After the last weight gradient of a stage its gradients are reduced (as
///   replica_collectives.hpp says) while other stages still work, or those of each unit as soon as
///   they are there; once every gradient is there the optimizer runs, and parameters are gathered
///   (BF16): after it, unit by unit beside the first forward pass, or before every use (ZeRO-3).
/// - Units that are recomputed run forward once more before their backward pass, with their
///   communication.
/// - Context-parallel ranks gather the (compressed) keys and values of the sequence before each
///   attention and return their gradients after its backward pass, or pass them round beside it.
OpGraph lower_training_step(const JobLayout& job);

/// The same, laid out first.
OpGraph lower_training_step(const Architecture& model,
                            const TrainingPlan& plan,
                            const Cluster& cluster,
                            const Profile& profile,
                            Folding folding);

}  // namespace towtank
