#include "sim/cluster/generators/finite_ring.hpp"

#include <algorithm>
#include <cstddef>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

using Digits = std::vector<int>;  // a polynomial over the integers modulo a prime, lowest first

struct PrimePower {
  int prime = 2;
  int power = 1;
  int order = 2;
};

std::vector<PrimePower> factors(int number) {
  std::vector<PrimePower> found;
  for (int prime = 2; number > 1; ++prime) {
    if (number % prime != 0) {
      continue;
    }
    PrimePower factor{.prime = prime, .power = 0, .order = 1};
    for (; number % prime == 0; number /= prime) {
      ++factor.power;
      factor.order *= prime;
    }
    found.push_back(factor);
  }
  return found;
}

Digits digits_of(int element, const PrimePower& field) {
  Digits digits;
  for (int i = 0; i < field.power; ++i, element /= field.prime) {
    digits.push_back(element % field.prime);
  }
  return digits;
}

int element_of(const Digits& digits, int prime) {
  int element = 0;
  for (std::size_t i = digits.size(); i-- > 0;) {
    element = element * prime + digits[i];
  }
  return element;
}

int sum_in(const PrimePower& field, int a, int b) {
  Digits digits = digits_of(a, field);
  const Digits others = digits_of(b, field);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits[i] = (digits[i] + others[i]) % field.prime;
  }
  return element_of(digits, field.prime);
}

/// Product of polynomials modulo x^n + modulus(x).
int product_in(const PrimePower& field, const Digits& modulus, int a, int b) {
  const Digits left = digits_of(a, field);
  const Digits right = digits_of(b, field);
  const std::size_t n = left.size();
  Digits product(2 * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      product[i + j] = (product[i + j] + left[i] * right[j]) % field.prime;
    }
  }
  for (std::size_t i = 2 * n; i-- > n;) {
    for (std::size_t j = 0; j < n; ++j) {
      const int taken = product[i] * modulus[j] % field.prime;
      product[i - n + j] = (product[i - n + j] + field.prime - taken) % field.prime;
    }
    product[i] = 0;
  }
  product.resize(n);
  return element_of(product, field.prime);
}

/// Whether the modulus makes a field: no two elements but 0 multiply to 0.
bool is_irreducible(const PrimePower& field, const Digits& modulus) {
  for (int a = 1; a < field.order; ++a) {
    for (int b = a; b < field.order; ++b) {
      if (product_in(field, modulus, a, b) == 0) {
        return false;
      }
    }
  }
  return true;
}

Digits irreducible(const PrimePower& field) {
  for (int element = 0; element < field.order; ++element) {
    Digits modulus = digits_of(element, field);
    if (is_irreducible(field, modulus)) {
      return modulus;
    }
  }
  check(false, "there are irreducible polynomials of every degree");
  return {};
}

}  // namespace

FiniteRing::FiniteRing(int order) : order_(order) {
  check(order >= 2, "a ring has at least 2 elements");
  const auto size = static_cast<std::size_t>(order) * static_cast<std::size_t>(order);
  sums_.assign(size, 0);
  products_.assign(size, 0);
  const std::vector<PrimePower> fields = factors(order);
  is_field_ = fields.size() == 1;
  one_ = 0;
  int scale = 1;  // an element is its parts in the fields, as digits
  for (const PrimePower& field : fields) {
    const Digits modulus = irreducible(field);
    for (int a = 0; a < order; ++a) {
      for (int b = 0; b < order; ++b) {
        const int left = a / scale % field.order;
        const int right = b / scale % field.order;
        sums_[index(a, b)] += scale * sum_in(field, left, right);
        products_[index(a, b)] += scale * product_in(field, modulus, left, right);
      }
    }
    one_ += scale;
    scale *= field.order;
  }
  negatives_.assign(static_cast<std::size_t>(order), 0);
  for (int a = 0; a < order; ++a) {
    for (int b = 0; b < order; ++b) {
      if (add(a, b) == 0) {
        negatives_[static_cast<std::size_t>(a)] = b;
      }
    }
  }
}

int FiniteRing::primitive() const {
  check(is_field_, "only fields have primitive elements");
  for (int candidate = 1; candidate < order_; ++candidate) {
    int powers = 1;
    for (int power = candidate; power != one_; power = multiply(power, candidate)) {
      ++powers;
    }
    if (powers == order_ - 1) {
      return candidate;
    }
  }
  check(false, "every finite field has a primitive element");
  return 0;
}

}  // namespace towtank
