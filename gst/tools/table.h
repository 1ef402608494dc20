// SPDX-License-Identifier: LGPL-2.1-or-later
// An aligned table that fits the terminal, printed a page at a time: memory does not grow with it.
#pragma once

#include <string>
#include <vector>

#include "tools/terminal.h"

namespace checkpoint::tool {

struct Column {
  std::string title;
  bool right = false;   // numbers
  bool shrink = false;  // is cut first where the terminal is too narrow
};

class Table {
 public:
  Table(Terminal &terminal, std::vector<Column> columns);
  ~Table() { flush(); }
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;

  // One text for each column, as it is: the table makes it printable.
  void row(std::vector<std::string> cells, Style style = Style::kPlain);
  // Prints what there is so far.
  void flush();

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style;
  };
  std::vector<size_t> fitted() const;
  std::string text_of(const Row &row, const std::vector<size_t> &widths) const;

  Terminal &terminal_;
  const std::vector<Column> columns_;
  std::vector<size_t> widths_;
  std::vector<Row> rows_;
};

// "name  value" lines, aligned; values are made printable and '' is left out.
class Fields {
 public:
  explicit Fields(Terminal &terminal) : terminal_(terminal) {}
  ~Fields();
  Fields(const Fields &) = delete;
  Fields &operator=(const Fields &) = delete;
  void add(const std::string &name, const std::string &value);

 private:
  Terminal &terminal_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace checkpoint::tool
