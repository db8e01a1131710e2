// Which library ran a row of a table, and which of its kernels.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/tables/table_rows.hpp"

namespace towtank {

/// Names the libraries of a table's rows: "trtllm", "sglang", "vllm", and after a slash the kernel
/// where a library has several for the same op: "vllm/deepgemm". The backend is what the column
/// `framework` says; else the file's name; else the one whose kernels are called like the row's
/// kernel_source; else TensorRT-LLM, whose tables alone come without all of these. A row's name
/// depends on nothing but the row and the file's name, so part of a table is named like the whole.
class KernelLibrary {
 public:
  /// `part` goes after the slash ahead of the kernel: "wideep".
  KernelLibrary(const TableRows& rows, std::string backend, std::string part = {});

  const std::string& of_row(const TableRows& rows);

 private:
  struct Known {
    std::string framework;
    std::string kernel;
    std::string library;
  };

  std::string backend_;
  std::string part_;
  std::optional<std::size_t> framework_;
  std::optional<std::size_t> kernel_;
  std::vector<Known> known_;
};

}  // namespace towtank
