// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/table.h"

#include <algorithm>
#include <numeric>

#include "tools/text.h"

namespace checkpoint::tool {

namespace {

constexpr size_t kPage = 50;
constexpr size_t kGap = 2;        // blanks between columns
constexpr size_t kNarrowest = 8;  // of a column that is cut

}  // namespace

Table::Table(Terminal &terminal, std::vector<Column> columns)
    : terminal_(terminal), columns_(std::move(columns)) {
  Row titles{{}, Style::kBold};
  for (const Column &column : columns_) {
    titles.cells.push_back(column.title);
    widths_.push_back(width_of(column.title));
  }
  rows_.push_back(std::move(titles));
}

void Table::row(std::vector<std::string> cells, Style style) {
  for (size_t i = 0; i < cells.size(); i++) {
    cells[i] = printable(cells[i]);
    widths_[i] = std::max(widths_[i], width_of(cells[i]));
  }
  rows_.push_back({std::move(cells), style});
  if (rows_.size() >= kPage) flush();
}

void Table::flush() {
  const std::vector<size_t> widths = fitted();
  std::string text;
  for (const Row &row : rows_) text += text_of(row, widths);
  rows_.clear();
  if (!text.empty()) terminal_.write(text);
}

// The widths, less where the terminal is narrower: the widest columns that may shrink give first.
std::vector<size_t> Table::fitted() const {
  std::vector<size_t> widths = widths_;
  const size_t room = terminal_.width();
  if (room == 0) return widths;
  size_t wanted = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (wanted > room) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); i++)
      if (columns_[i].shrink && widths[i] > kNarrowest &&
          (widest == widths.size() || widths[i] > widths[widest]))
        widest = i;
    if (widest == widths.size()) break;
    widths[widest]--;
    wanted--;
  }
  return widths;
}

std::string Table::text_of(const Row &row, const std::vector<size_t> &widths) const {
  std::string line;
  for (size_t i = 0; i < row.cells.size(); i++) {
    const std::string cell = cut(row.cells[i], widths[i]);
    const std::string blanks(widths[i] - width_of(cell), ' ');
    const bool last = i + 1 == row.cells.size();
    line += columns_[i].right ? blanks + cell : cell + (last ? "" : blanks);
    if (!last) line += std::string(kGap, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return terminal_.styled(line, row.style) + "\n";
}

void Fields::add(const std::string &name, const std::string &value) {
  if (!value.empty()) fields_.emplace_back(name, printable(value));
}

Fields::~Fields() {
  size_t width = 0;
  for (const auto &[name, value] : fields_) width = std::max(width, width_of(name));
  std::string text;
  for (const auto &[name, value] : fields_)
    text += terminal_.styled(name, Style::kBold) + std::string(width - width_of(name) + 2, ' ') +
            value + "\n";
  if (!text.empty()) terminal_.write(text);
}

}  // namespace checkpoint::tool
