#include "sim/profile/tables/text_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <boost/iostreams/device/array.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>
#include <fmt/format.h>

#include "sim/base/error.hpp"

namespace towtank {
namespace {

namespace io = boost::iostreams;

std::string unpack(const std::string& packed, const std::string& path) {
  std::string text;
  try {
    io::filtering_istreambuf source;
    source.push(io::gzip_decompressor());
    source.push(io::array_source(packed.data(), packed.size()));
    std::vector<char> piece(1 << 16);
    const auto most = static_cast<std::streamsize>(piece.size());
    for (std::streamsize read = 0; (read = source.sgetn(piece.data(), most)) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(read));
    }
  } catch (const std::exception& problem) {
    throw InputError({.file = path},
                     fmt::format("the gzip compression is broken ({})", problem.what()),
                     "fetch the file again: it was cut or changed on its way");
  }
  return text;
}

}  // namespace

std::string read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw EnvironmentError(fmt::format("{}: is a folder, not a file", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw EnvironmentError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  }
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) {
    throw EnvironmentError(fmt::format("{}: reading it failed", path));
  }
  return text.starts_with("\x1f\x8b") ? unpack(text, path) : text;
}

}  // namespace towtank
