// Finite fields, and products of them: the arithmetic that Slim Fly graphs are built from.
#pragma once

#include <vector>

namespace towtank {

/// The elements 0 .. order - 1 with 0 and 1 in their usual roles. A field when the order is a prime
/// power; otherwise the product of the fields of its prime powers, in which not every element has
/// an inverse.
class FiniteRing {
 public:
  /// `order` at least 2.
  explicit FiniteRing(int order);

  int order() const { return order_; }
  bool is_field() const { return is_field_; }
  int add(int a, int b) const { return sums_[index(a, b)]; }
  int multiply(int a, int b) const { return products_[index(a, b)]; }
  int negative(int a) const { return negatives_[static_cast<std::size_t>(a)]; }
  int one() const { return one_; }

  /// An element whose powers are all that are not 0. Fields only.
  int primitive() const;

 private:
  std::size_t index(int a, int b) const {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(order_) +
           static_cast<std::size_t>(b);
  }

  int order_ = 2;
  bool is_field_ = true;
  int one_ = 1;
  std::vector<int> sums_;
  std::vector<int> products_;
  std::vector<int> negatives_;
};

}  // namespace towtank
