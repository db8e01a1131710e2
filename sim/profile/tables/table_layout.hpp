// The kinds of tables that can be read: what each is called, which columns tell it, who reads it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/profile/tables/csv_text.hpp"
#include "sim/profile/tables/table_rows.hpp"

namespace towtank {

/// What the name of a file says of the table in it; what a name does not say is empty. Tables of
/// the aiconfigurator collection are called SYSTEM__FAMILY__KIND__BACKEND-VERSION.csv; of any other
/// name only the kind is taken, where it stands in it.
struct TableName {
  std::vector<std::string> parts;  // between "__", without folder, .csv and .gz
  std::string system;
  std::string kind;
  std::string backend;
  std::string version;
};
TableName table_name(const std::string& path);

struct TableLayout {
  std::string_view kind;                  // "gemm_perf"
  std::vector<OpKind> ops;                // of its samples
  std::vector<std::string_view> columns;  // all that must be there
  /// What an op_name column may say in it; empty: anything.
  std::vector<std::string_view> op_names = {};
  /// Tells apart kinds of the same columns by their values and the parts of the file's name;
  /// nullptr: nothing to tell apart.
  bool (*fits)(const CsvText& csv, const TableName& name) = nullptr;
  void (*read)(TableRows& rows, const TableName& name) = nullptr;
  /// How a file must be called where columns and values do not tell all; empty: after the kind.
  std::string_view called = {};
};

/// GEMMs of one matrix or several, and quantisation casts.
std::vector<TableLayout> gemm_layouts();
/// Attention and MLA kernels, and whole MLA blocks.
std::vector<TableLayout> attention_layouts();
std::vector<TableLayout> moe_layouts();
/// NCCL, the serving libraries' own all-reduce, and expert-parallel exchanges.
std::vector<TableLayout> exchange_layouts();
/// H800 and H20 kernels as InferSim measured them.
std::vector<TableLayout> infersim_layouts();
/// H800 and H20 kernels as DeepSeek_Simulator measured them.
std::vector<TableLayout> deepseek_simulator_layouts();
/// Collectives as Vidur measured them.
std::vector<TableLayout> vidur_layouts();

/// All of the above, in this order.
const std::vector<TableLayout>& all_table_layouts();

/// The kind of a table: the one that its file is named after; else the one of which it has all
/// columns, the more the better. InputError saying what is missing, or the nearest kind, or how to
/// name the file where several kinds fit.
const TableLayout& recognise_table(const CsvText& csv, const TableName& name);

}  // namespace towtank
