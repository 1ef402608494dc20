// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backends/sql/condition.h"

namespace checkpoint::sql {

namespace {

constexpr size_t kOwnParameters = 4;

bool mentions(const Condition &condition, bool (*wanted)(Field)) {
  if (condition.parts.empty()) return wanted(condition.field);
  for (const Condition &part : condition.parts)
    if (mentions(part, wanted)) return true;
  return false;
}

// What it can become for a frame without detections.
struct Outcomes {
  bool yes = false, no = false;
};
Outcomes without_detections(const Condition &condition) {
  Outcomes outcomes;
  switch (condition.kind) {
    case Condition::Kind::kCompare:
    case Condition::Kind::kIn:
      if (!of_detection(condition.field)) outcomes = {true, true};
      break;
    case Condition::Kind::kNot: {
      const Outcomes part = without_detections(condition.parts[0]);
      outcomes = {part.no, part.yes};
      break;
    }
    case Condition::Kind::kAnd:
      outcomes.yes = true;
      for (const Condition &part : condition.parts) {
        const Outcomes one = without_detections(part);
        outcomes = {outcomes.yes && one.yes, outcomes.no || one.no};
      }
      break;
    case Condition::Kind::kOr:
      outcomes.no = true;
      for (const Condition &part : condition.parts) {
        const Outcomes one = without_detections(part);
        outcomes = {outcomes.yes || one.yes, outcomes.no && one.no};
      }
      break;
  }
  return outcomes;
}

class Writer {
 public:
  Writer(const Dialect &dialect, const char *index, MatchSql &out)
      : dialect_(dialect), index_(index), out_(out) {}

  // `needed`: all that matches fulfils it.
  void write(const Condition &condition, bool needed) {
    switch (condition.kind) {
      case Condition::Kind::kAnd:
        parts(condition, " AND ", needed);
        break;
      case Condition::Kind::kOr:
        parts(condition, " OR ", false);
        break;
      case Condition::Kind::kNot:
        out_.text += "NOT ";
        parts(condition, "", false);
        break;
      case Condition::Kind::kCompare: {
        const bool indexed = needed && condition.op == Condition::Operator::kEqual &&
                             (condition.field == Field::kLabel || condition.field == Field::kTrack);
        if (indexed) out_.text += dialect_.unlikely + std::string("(");
        out_.text += column(condition.field);
        out_.text += op(condition.op);
        value(condition.values[0]);
        if (indexed) out_.text += ")";
        break;
      }
      case Condition::Kind::kIn:
        out_.text += column(condition.field);
        out_.text += " IN (";
        for (size_t i = 0; i < condition.values.size(); i++) {
          if (i > 0) out_.text += ", ";
          value(condition.values[i]);
        }
        out_.text += ")";
        break;
    }
  }

 private:
  void parts(const Condition &condition, const char *between, bool needed) {
    out_.text += "(";
    for (size_t i = 0; i < condition.parts.size(); i++) {
      if (i > 0) out_.text += between;
      write(condition.parts[i], needed);
    }
    out_.text += ")";
  }
  void value(const FieldValue &value) {
    out_.values.push_back(value);
    out_.text += dialect_.parameter + std::to_string(kOwnParameters + out_.values.size());
  }
  const char *column(Field field) const {
    switch (field) {
      case Field::kLabel:
        return "d.label";
      case Field::kConfidence:
        return "d.confidence";
      case Field::kArea:
        // The product of two integers may be none.
        return "(CAST(d.width AS double precision) * d.height)";
      case Field::kTrack:
        return "d.track";
      case Field::kTime:
        return "f.stream_time";
      case Field::kIndex:
        break;
    }
    return index_;
  }
  static const char *op(Condition::Operator op) {
    switch (op) {
      case Condition::Operator::kEqual:
        return " = ";
      case Condition::Operator::kNotEqual:
        return " <> ";
      case Condition::Operator::kLess:
        return " < ";
      case Condition::Operator::kLessOrEqual:
        return " <= ";
      case Condition::Operator::kGreater:
        return " > ";
      case Condition::Operator::kGreaterOrEqual:
        break;
    }
    return " >= ";
  }

  const Dialect &dialect_;
  const char *const index_;
  MatchSql &out_;
};

}  // namespace

// Only the tables that are needed: the detections where none of them means no match, the frames
// where it is about nothing else.
MatchSql match_sql(const MatchQuery &query, const Condition &condition, const Dialect &dialect) {
  const auto parameter = [&](int number) { return dialect.parameter + std::to_string(number); };
  const auto table = [&](const char *name, const char *as) {
    return std::string(dialect.tables) + name + " AS " + as;
  };
  const bool time = mentions(condition, [](Field field) { return field == Field::kTime; });
  const bool detections = mentions(condition, of_detection);
  const bool lead = !detections || without_detections(condition).yes;  // frames lead
  const std::string from = lead ? "f" : "d";
  const std::string index = from + ".idx";

  MatchSql sql;
  sql.text = "SELECT " + std::string(detections ? "DISTINCT " : "") + index + " FROM ";
  if (lead) {
    sql.text += table("frame", "f");
    if (detections)
      sql.text += " LEFT JOIN " + table("detection", "d") + " ON d.checkpoint = " + parameter(1) +
                  " AND d.idx = f.idx";
  } else {
    sql.text += table("detection", "d");
    if (time)
      sql.text += " JOIN " + table("frame", "f") + " ON f.checkpoint = " + parameter(1) +
                  " AND f.idx = d.idx";
  }
  sql.text += " WHERE " + from + ".checkpoint = " + parameter(1) + " AND " + index +
              " >= " + parameter(2) + " AND " + index + " < " + parameter(3) + " AND (";
  Writer(dialect, index.c_str(), sql).write(condition, true);
  sql.text += ") ORDER BY " + index + (query.reverse ? " DESC" : "") + " LIMIT " + parameter(4);
  return sql;
}

}  // namespace checkpoint::sql
