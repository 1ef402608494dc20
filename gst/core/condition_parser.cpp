// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/condition_parser.h"

#include <glib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace checkpoint {

namespace {

constexpr const char *kFields = "label, confidence, area, track, time and index";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

struct Token {
  enum class Kind { kEnd, kWord, kText, kNumber, kSymbol } kind = Kind::kEnd;
  std::string text;  // of a word in small letters, of a text without its quotes
  size_t at = 0;     // where it begins
};

// A failure that points at a place of the text.
Status wrong(std::string_view text, size_t at, const std::string &what, std::string hint = {}) {
  const glong column = g_utf8_strlen(text.data(), static_cast<gssize>(at)) + 1;
  return {Code::kInvalidArgument, "select, column " + std::to_string(column) + ": " + what,
          std::move(hint)};
}

// A token as it may stand in a message.
std::string shown(const Token &token) {
  if (token.kind == Token::Kind::kEnd) return "the end";
  if (token.kind == Token::Kind::kText) return "a text";
  return "'" + token.text.substr(0, 30) + (token.text.size() > 30 ? "…" : "") + "'";
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> next() {
    while (at_ < text_.size() && is_space(text_[at_])) at_++;
    Token token;
    token.at = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted(token, c);
    if (is_letter(c)) {
      token.kind = Token::Kind::kWord;
      while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_])))
        token.text += static_cast<char>(g_ascii_tolower(text_[at_++]));
      return token;
    }
    if (is_digit(c) || ((c == '-' || c == '.') && begins_number(at_ + 1))) return number(token);
    token.kind = Token::Kind::kSymbol;
    for (std::string_view symbol : {"<=", ">=", "<>", "!=", "==", "=", "<", ">", "(", ")", ","}) {
      if (text_.substr(at_, symbol.size()) != symbol) continue;
      token.text = symbol;
      at_ += symbol.size();
      return token;
    }
    const bool plain = c > ' ' && c < 0x7f;
    return wrong(text_, at_,
                 plain ? std::string("'") + c + "' has no meaning here"
                       : std::string("a character that has no meaning outside of quotes"));
  }

 private:
  bool begins_number(size_t at) const {
    return at < text_.size() && (is_digit(text_[at]) || text_[at] == '.');
  }

  Result<Token> quoted(Token token, char quote) {
    token.kind = Token::Kind::kText;
    for (at_++; at_ < text_.size(); at_++) {
      if (text_[at_] != quote) {
        token.text += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
        token.text += text_[at_++];
      } else {
        at_++;
        return token;
      }
    }
    return wrong(text_, token.at, "the quote that begins here does not end");
  }

  // As far as it may be a number; what it is worth is seen when its field is known.
  Result<Token> number(Token token) {
    token.kind = Token::Kind::kNumber;
    const auto take = [&] { token.text += text_[at_++]; };
    const auto digits = [&] {
      size_t count = 0;
      for (; at_ < text_.size() && is_digit(text_[at_]); count++) take();
      return count;
    };
    if (text_[at_] == '-') take();
    size_t count = digits();
    if (at_ < text_.size() && text_[at_] == '.') {
      take();
      count += digits();
    }
    bool good = count > 0;
    if (good && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      take();
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) take();
      good = digits() > 0;
    }
    if (!good || (at_ < text_.size() && (is_letter(text_[at_]) || text_[at_] == '.')))
      return wrong(text_, token.at, "this is no number",
                   "numbers are written as 3, 0.5, -1 or 1e3; time is in seconds");
    return token;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

std::optional<Field> field_of(const std::string &word) {
  static constexpr std::pair<const char *, Field> kNames[] = {
      {"label", Field::kLabel}, {"confidence", Field::kConfidence},
      {"area", Field::kArea},   {"track", Field::kTrack},
      {"time", Field::kTime},   {"index", Field::kIndex}};
  for (const auto &[name, field] : kNames)
    if (word == name) return field;
  return std::nullopt;
}

std::optional<Condition::Operator> operator_of(const std::string &symbol) {
  using Op = Condition::Operator;
  static constexpr std::pair<const char *, Op> kNames[] = {
      {"=", Op::kEqual},     {"==", Op::kEqual},         {"!=", Op::kNotEqual},
      {"<>", Op::kNotEqual}, {"<", Op::kLess},           {"<=", Op::kLessOrEqual},
      {">", Op::kGreater},   {">=", Op::kGreaterOrEqual}};
  for (const auto &[name, op] : kNames)
    if (symbol == name) return op;
  return std::nullopt;
}

// A decimal number, moved by `digits` digits to the left, as an int64; nullopt: it is not a whole
// one then, or too large.
std::optional<int64_t> whole_number(std::string_view text, int digits) {
  const bool negative = text.starts_with('-');
  std::string all;
  bool point = false;
  for (char c : text.substr(negative ? 1 : 0)) {
    if (c == '.') {
      point = true;
    } else if (!is_digit(c)) {
      return std::nullopt;
    } else if (point && digits == 0) {
      if (c != '0') return std::nullopt;
    } else {
      all += c;
      digits -= point ? 1 : 0;
    }
  }
  all.append(static_cast<size_t>(digits), '0');
  if (negative) all.insert(0, 1, '-');
  int64_t value = 0;
  const char *end = all.data() + all.size();
  const auto [stopped, error] = std::from_chars(all.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text) {}

  Result<Condition> parse() {
    CHECKPOINT_RETURN_IF_ERROR(advance());
    if (token_.kind == Token::Kind::kEnd)
      return wrong(text_, 0, "it is empty", "write, for example, label = 'face'");
    CHECKPOINT_ASSIGN_OR_RETURN(Condition condition, either(0));
    if (token_.kind == Token::Kind::kEnd) return condition;
    if (is_symbol(")")) return here("this ')' closes nothing");
    return here("expected 'and', 'or' or the end, not " + shown(token_));
  }

 private:
  Status advance() {
    CHECKPOINT_ASSIGN_OR_RETURN(token_, lexer_.next());
    return Status::ok();
  }
  Status here(const std::string &what, std::string hint = {}) const {
    return wrong(text_, token_.at, what, std::move(hint));
  }
  bool is_word(const char *word) const {
    return token_.kind == Token::Kind::kWord && token_.text == word;
  }
  bool is_symbol(const char *symbol) const {
    return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
  }

  // Parts of one kind with a word between them.
  Result<Condition> either(int depth) {
    return chain(Condition::Kind::kOr, "or", [&] {
      return chain(Condition::Kind::kAnd, "and", [&] { return negation(depth); });
    });
  }
  template <typename Part>
  Result<Condition> chain(Condition::Kind kind, const char *word, Part part) {
    CHECKPOINT_ASSIGN_OR_RETURN(Condition first, part());
    if (!is_word(word)) return first;
    Condition all;
    all.kind = kind;
    all.parts.push_back(std::move(first));
    while (is_word(word)) {
      CHECKPOINT_RETURN_IF_ERROR(advance());
      CHECKPOINT_ASSIGN_OR_RETURN(Condition next, part());
      all.parts.push_back(std::move(next));
    }
    return all;
  }

  Result<Condition> negation(int depth) {
    if (depth == kMaxConditionDepth)
      return here("more than " + std::to_string(kMaxConditionDepth) + " levels of nesting");
    if (is_word("not")) {
      CHECKPOINT_RETURN_IF_ERROR(advance());
      CHECKPOINT_ASSIGN_OR_RETURN(Condition part, negation(depth + 1));
      return negated(std::move(part));
    }
    if (is_symbol("(")) {
      const size_t at = token_.at;
      CHECKPOINT_RETURN_IF_ERROR(advance());
      CHECKPOINT_ASSIGN_OR_RETURN(Condition inner, either(depth + 1));
      if (token_.kind == Token::Kind::kEnd)
        return wrong(text_, at, "the '(' that begins here is not closed");
      CHECKPOINT_RETURN_IF_ERROR(expect(")"));
      return inner;
    }
    return comparison();
  }
  static Condition negated(Condition part) {
    Condition all;
    all.kind = Condition::Kind::kNot;
    all.parts.push_back(std::move(part));
    return all;
  }

  Result<Condition> comparison() {
    if (token_.kind == Token::Kind::kText || token_.kind == Token::Kind::kNumber)
      return here("a comparison begins with a field, not with a value", fields());
    if (token_.kind != Token::Kind::kWord)
      return here("expected a field, not " + shown(token_), fields());
    const std::optional<Field> field = field_of(token_.text);
    if (!field) return here("there is no field " + shown(token_), fields());
    const std::string name = token_.text;
    CHECKPOINT_RETURN_IF_ERROR(advance());

    Condition condition;
    condition.kind = Condition::Kind::kCompare;
    condition.field = *field;
    const bool negative = is_word("not");
    if (negative) CHECKPOINT_RETURN_IF_ERROR(advance());
    if (is_word("in")) {
      condition.kind = Condition::Kind::kIn;
      CHECKPOINT_RETURN_IF_ERROR(advance());
      CHECKPOINT_RETURN_IF_ERROR(expect("("));
      for (;;) {
        CHECKPOINT_RETURN_IF_ERROR(add_value(condition, name));
        if (!is_symbol(",")) break;
        CHECKPOINT_RETURN_IF_ERROR(advance());
      }
      CHECKPOINT_RETURN_IF_ERROR(expect(")"));
      return negative ? negated(std::move(condition)) : std::move(condition);
    }
    const auto op =
        token_.kind == Token::Kind::kSymbol && !negative ? operator_of(token_.text) : std::nullopt;
    if (!op)
      return here(
          (negative ? "expected 'in', not " : "expected a comparison, not ") + shown(token_),
          "compare with =, !=, <, <=, >, >= or in (…)");
    condition.op = *op;
    CHECKPOINT_RETURN_IF_ERROR(advance());
    CHECKPOINT_RETURN_IF_ERROR(add_value(condition, name));
    return condition;
  }

  Status expect(const char *symbol) {
    if (!is_symbol(symbol))
      return here(std::string("expected '") + symbol + "', not " + shown(token_));
    return advance();
  }

  Status add_value(Condition &condition, const std::string &name) {
    const bool text = token_.kind == Token::Kind::kText;
    if (!text && token_.kind != Token::Kind::kNumber)
      return here("expected a value, not " + shown(token_),
                  token_.kind == Token::Kind::kWord ? "a text stands in quotes: 'face'" : "");
    if (++values_ > kMaxConditionValues)
      return here("more than " + std::to_string(kMaxConditionValues) + " values");
    if (text != (condition.field == Field::kLabel))
      return text ? here(name + " is a number and is compared with one")
                  : here("a label is a text and is compared with one", "write it in quotes");
    CHECKPOINT_ASSIGN_OR_RETURN(FieldValue value, value_of(condition.field, name));
    condition.values.push_back(std::move(value));
    return advance();
  }

  Result<FieldValue> value_of(Field field, const std::string &name) const {
    if (field == Field::kLabel) return FieldValue(token_.text);
    if (field == Field::kTime) {
      const auto time = whole_number(token_.text, 9);
      if (!time) return here("a time is a number of seconds with up to 9 digits behind the point");
      return FieldValue(*time);
    }
    if (field == Field::kTrack || field == Field::kIndex) {
      const auto number = whole_number(token_.text, 0);
      if (!number) return here(name + " is compared with a whole number of 64 bits");
      return FieldValue(*number);
    }
    // Whatever the locale says.
    const double number = g_ascii_strtod(token_.text.c_str(), nullptr);
    if (!std::isfinite(number)) return here("this number is too large");
    return FieldValue(number);
  }

  static std::string fields() { return std::string("the fields are ") + kFields; }

  const std::string_view text_;
  Lexer lexer_;
  Token token_;
  size_t values_ = 0;
};

}  // namespace

Result<Condition> parse_condition(std::string_view text) {
  if (text.size() > kMaxConditionText)
    return Status(Code::kInvalidArgument,
                  "select is longer than " + std::to_string(kMaxConditionText) + " bytes");
  const char *end = nullptr;
  if (!g_utf8_validate(text.data(), static_cast<gssize>(text.size()), &end))
    return wrong(text, static_cast<size_t>(end - text.data()), "this is not UTF-8");
  return Parser(text).parse();
}

}  // namespace checkpoint
