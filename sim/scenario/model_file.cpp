#include "sim/scenario/model_file.hpp"

#include "sim/scenario/document.hpp"
#include "sim/scenario/model_reader.hpp"
#include "sim/scenario/rule_book.hpp"

namespace towtank {

ModelFile read_model_file(const std::string& path, const std::vector<Override>& overrides) {
  Mistakes mistakes;
  ModelFile file;
  const TomlNode document = read_model_document(path, overrides, mistakes, file.warnings);
  if (!mistakes.sound("model")) {  // its base could not be used: all its keys would be missing
    mistakes.throw_if_any();
  }
  TomlTable root(document, "", mistakes);
  file.model = read_model(root.table("model", "model.layers = 32"));
  Rules rules(document, mistakes);
  check_model(file.model, rules);
  mistakes.throw_if_any();
  return file;
}

}  // namespace towtank
