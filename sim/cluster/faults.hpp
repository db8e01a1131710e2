// Links and switches that are slow or broken.
#pragma once

#include "sim/cluster/fabric.hpp"

namespace towtank {

/// Applies the faults of the fabric's spec: the links of a device, or those between two devices, in
/// both directions, keep `factor` of their bandwidth; several faults multiply. Throws InputError at
/// a fault whose devices are not there or not joined.
void apply_faults(Fabric& fabric);

}  // namespace towtank
