#include "reports/text_layout.hpp"

#include <algorithm>
#include <cstddef>

namespace towtank {
namespace {

constexpr char kEscape = '\033';

std::string coloured(std::string_view code, std::string_view text, Colour colour) {
  if (colour == Colour::kNever) {
    return std::string(text);
  }
  return std::string(1, kEscape) + "[" + std::string(code) + "m" + std::string(text) + kEscape +
         "[0m";
}

std::string padded(const std::string& text, std::size_t width, bool right) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return right ? space + text : text + space;
}

void trim_end(std::string& line) {
  line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string heading(std::string_view text, Colour colour) {
  return coloured("1", text, colour);
}

std::string alarm(std::string_view text, Colour colour) {
  return coloured("1;31", text, colour);
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  bool in_colour = false;
  for (const char letter : text) {
    if (letter == kEscape) {
      in_colour = true;
    } else if (in_colour) {
      in_colour = letter != 'm';
    } else if ((static_cast<unsigned char>(letter) & 0xC0U) != 0x80U) {  // no continuation byte
      ++width;
    }
  }
  return width;
}

Lines aligned(const std::vector<Cells>& rows, std::string_view alignment) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  Lines lines;
  for (const Cells& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool right = i < alignment.size() && alignment[i] == 'r';
      line += "  " + padded(row[i], widths[i], right);
    }
    trim_end(line);
    lines.push_back(line);
  }
  return lines;
}

Lines beside(const Lines& left, const Lines& right, std::size_t gap) {
  std::size_t width = 0;
  for (const std::string& line : left) {
    width = std::max(width, width_of(line));
  }
  Lines lines;
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    std::string line = padded(i < left.size() ? left[i] : "", width + gap, false);
    line += i < right.size() ? right[i] : "";
    trim_end(line);
    lines.push_back(line);
  }
  return lines;
}

Lines wrapped(std::string_view text, std::size_t columns) {
  Lines lines;
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (!line.empty() && width_of(line) + 1 + width_of(word) > columns) {
      lines.push_back(line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
    at = end + 1;
  }
  lines.push_back(line);
  return lines;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

}  // namespace towtank
