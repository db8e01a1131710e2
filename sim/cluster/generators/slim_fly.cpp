// Slim Fly (Besta and Hoefler, "Slim Fly: A Cost Effective Low-Diameter Network Topology", 2014):
// the graphs of McKay, Miller and Siran (1998) on 2 q^2 switches, q = 4 w + delta, delta in -1, 0,
// 1.
//
// Switches are (0, x, y) and (1, m, c) with x, y, m, c in a field of q elements. Joined are
// (0, x, y) and (0, x, y') when y - y' is in X, (1, m, c) and (1, m, c') when c - c' is in X',
// (0, x, y) and (1, m, c) when y = m x + c; each has (3 q - delta) / 2 links, and any two are at
// most 2 apart.
//
// For q that is no prime power there is no field. Published counts use such q nevertheless (28 in
// arXiv 2505.09343, Table 3). The same rules over the product of smaller fields, with symmetric
// sets X and X' of the same size that cover all elements between them, give the same numbers of
// switches and links; the diameter is then 3.
#include <algorithm>
#include <cstdint>
#include <vector>

#include <fmt/format.h>

#include "sim/cluster/generators/finite_ring.hpp"
#include "sim/cluster/generators/network.hpp"

namespace towtank {
namespace {

using Elements = std::vector<int>;

struct Generators {
  Elements x;
  Elements x_prime;
};

int delta_of(int q) {
  return q % 4 == 3 ? -1 : q % 4;
}

/// Powers of the primitive element, by the exponents of Hafner's construction ("Geometric
/// realisation of the graphs of McKay-Miller-Siran", 2004).
Generators field_generators(const FiniteRing& field) {
  const int q = field.order();
  std::vector<int> powers = {field.one()};
  const int primitive = field.primitive();
  for (int i = 1; i < q; ++i) {
    powers.push_back(field.multiply(powers.back(), primitive));
  }
  Generators sets;
  const int w = (q - delta_of(q)) / 4;
  for (int i = 0; i < 2 * w; ++i) {
    // delta -1: even exponents below 2 w, odd from there on; otherwise even exponents all along.
    const int shift = delta_of(q) == -1 && i >= w ? 1 : 0;
    sets.x.push_back(powers[static_cast<std::size_t>(2 * i - shift)]);
    sets.x_prime.push_back(powers[static_cast<std::size_t>(2 * i + 1 - shift)]);
  }
  return sets;
}

/// Symmetric sets of (q - delta) / 2 elements that between them have all but 0.
Generators ring_generators(const FiniteRing& ring) {
  const auto size = static_cast<std::size_t>((ring.order() - delta_of(ring.order())) / 2);
  std::vector<Elements> pairs;
  std::vector<Elements> singles;  // their own negatives
  for (int a = 1; a < ring.order(); ++a) {
    const int negative = ring.negative(a);
    if (negative == a) {
      singles.push_back({a});
    } else if (a < negative) {
      pairs.push_back({a, negative});
    }
  }
  std::vector<Elements> classes = pairs;
  if (pairs.size() % 2 == 1) {
    classes.push_back(pairs.front());  // shared
  }
  classes.insert(classes.end(), singles.begin(), singles.end());
  if (singles.size() % 2 == 1) {
    classes.push_back(singles.front());  // shared
  }
  Generators sets;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    Elements& set = i % 2 == 0 ? sets.x : sets.x_prime;
    set.insert(set.end(), classes[i].begin(), classes[i].end());
  }
  check(sets.x.size() == size && sets.x_prime.size() == size, "both sets have (q - delta) / 2");
  return sets;
}

void wire_block(const FiniteRing& ring,
                const Elements& set,
                DeviceId first,
                std::uint16_t type,
                Wiring& wiring) {
  for (int y = 0; y < ring.order(); ++y) {
    for (const int step : set) {
      const int other = ring.add(y, step);
      if (y < other) {
        wiring.connect(
            first + static_cast<DeviceId>(y), first + static_cast<DeviceId>(other), type);
      }
    }
  }
}

}  // namespace

GraphNetwork wire_slim_fly(NetworkSite& site) {
  const int q = site.spec.slim_fly.q;
  if (q < 3 || q > 128 || q % 4 == 2) {
    throw InputError(site.spec.place,
                     fmt::format("no slim fly of q = {}", q),
                     "q from 3 to 128 that is a prime power, or at least not 2 modulo 4; 5, 7, 8, "
                     "9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32");
  }
  const FiniteRing ring(q);
  const Generators sets = ring.is_field() ? field_generators(ring) : ring_generators(ring);
  const int degree = q + static_cast<int>(sets.x.size());
  const int given = site.spec.slim_fly.endpoints;
  const int endpoints = given > 0 ? given : (degree + 1) / 2;
  GraphNetwork network = wire_endpoints(site, std::int64_t{2} * q * q, endpoints);
  const std::uint16_t type = site.wiring.type_of(switch_link(site.spec, site.size));
  const auto device = [&network, q](int side, int column, int row) {
    return network.first_switch + static_cast<DeviceId>((side * q + column) * q + row);
  };
  for (int column = 0; column < q; ++column) {
    wire_block(ring, sets.x, device(0, column, 0), type, site.wiring);
    wire_block(ring, sets.x_prime, device(1, column, 0), type, site.wiring);
  }
  for (int x = 0; x < q; ++x) {
    for (int m = 0; m < q; ++m) {
      for (int c = 0; c < q; ++c) {
        const int y = ring.add(ring.multiply(m, x), c);
        site.wiring.connect(device(0, x, y), device(1, m, c), type);
      }
    }
  }
  return network;
}

}  // namespace towtank
