// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/launch_line.h"

#include <glib.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "core/checkpoint_uri.h"
#include "elements/gst_handles.h"
#include "store/uri.h"

namespace checkpoint {

namespace {

bool is_name(const std::string &text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

// Where the key of an assignment ends; npos: it is none.
size_t assignment(const std::string &token) {
  const size_t equals = token.find('=');
  if (equals == std::string::npos || equals == 0) return std::string::npos;
  const bool key = std::all_of(
      token.begin(), token.begin() + static_cast<std::ptrdiff_t>(equals),
      [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == ':'; });
  return key ? equals : std::string::npos;
}

// A token without what may be secret in it.
std::string shown(const std::string &token) {
  const size_t equals = assignment(token);
  if (equals == std::string::npos || token.starts_with("name=")) return mask_uri(token);
  return token.substr(0, equals) + "=…";
}

Status not_understood(const std::string &token, const std::string &why) {
  return {Code::kInvalidArgument, "\"" + shown(token) + "\" in the pipeline: " + why,
          "write elements, properties, links with '!', caps and references like 'd. ! queue'"};
}

// "name = value", "video/x-raw, format=RGB": written with spaces, and one token all the same. A URI
// may end in "=".
bool goes_on(const std::string &token, const std::string &next) {
  if (token.back() == ',' || next[0] == ',' || next[0] == '=') return true;
  if (assignment(token) == std::string::npos && token.find("://") != std::string::npos)
    return false;
  const std::string last = token.substr(token.rfind(',') + 1);
  return last.find('=') == last.size() - 1;
}

std::string without_backslashes(const std::string &raw) {
  std::string text;
  for (size_t i = 0; i < raw.size(); i++) {
    if (raw[i] == '\\' && i + 1 < raw.size()) i++;
    text += raw[i];
  }
  return text;
}

// The settings of a checkpointsrc that plays it.
std::vector<std::pair<std::string, std::string>> properties_of(const CheckpointUri &what) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](const char *name, const std::string &value) {
    if (!value.empty()) all.emplace_back(name, quote(value));
  };
  const auto add_number = [&](const char *name, auto value, auto usual) {
    if (value != usual) all.emplace_back(name, std::to_string(value));
  };
  const CheckpointUri usual;
  add("job-id", what.job_id);
  add("stage", what.stage);
  if (what.scenario) all.emplace_back("scenario", quote(*what.scenario));
  if (what.checkpoint_id) add("checkpoint-id", what.checkpoint_id->to_string());
  add("select", what.select);
  add_number("version", what.version, usual.version);
  add_number("start-index", what.start_index, usual.start_index);
  add_number("stop-index", what.stop_index, usual.stop_index);
  add_number("select-before", what.select_before, usual.select_before);
  add_number("select-after", what.select_after, usual.select_after);
  for (const auto &[name, is] : {std::pair("filtered", what.filtered), std::pair("loop", what.loop),
                                 std::pair("allow-partial", what.allow_partial)})
    if (is) all.emplace_back(name, "true");
  return all;
}

// Words that a backslash or quotes don't keep together, as in gst_parse_launch()'s syntax.
std::vector<std::string> split(const std::string &line) {
  std::vector<std::string> tokens;
  std::string token;
  char quote = 0;
  for (size_t i = 0; i < line.size(); i++) {
    const char c = line[i];
    if (c == '\\' && i + 1 < line.size()) {
      token += c;
      token += line[++i];
      continue;
    }
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (std::isspace(static_cast<unsigned char>(c))) {
      if (!token.empty()) tokens.push_back(std::move(token));
      token.clear();
      continue;
    }
    token += c;
  }
  if (!token.empty()) tokens.push_back(std::move(token));
  return tokens;
}

// As gst_parse_launchv() does: a word of the shell stays one, whatever spaces are in it.
std::string joined(const std::vector<std::string> &words) {
  if (words.size() == 1) return words[0];
  std::string line;
  for (const std::string &word : words) {
    if (!line.empty()) line += ' ';
    bool quoted = false;
    for (size_t i = 0; i < word.size(); i++) {
      if (word[i] == '"' && (!quoted || word[i - 1] != '\\')) quoted = !quoted;
      if (word[i] == ' ' && !quoted) line += '\\';
      line += word[i];
    }
  }
  return line;
}

}  // namespace

std::string unquote(const std::string &raw) {
  std::string text;
  char quote = 0;
  for (size_t i = 0; i < raw.size(); i++) {
    const char c = raw[i];
    if (c == '\\' && i + 1 < raw.size())
      text += raw[++i];
    else if (quote ? c == quote : (c == '"' || c == '\''))
      quote = quote ? 0 : c;
    else
      text += c;
  }
  return text;
}

std::string quote(const std::string &text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::optional<std::string> LaunchLine::Element::property(const std::string &key) const {
  std::optional<std::string> value;  // the last one counts
  for (const auto &[set, raw] : properties)
    if (set == key) value = unquote(raw);
  return value;
}

// Reads tokens from left to right. `end_` is what a following link comes from.
class LineParser {
 public:
  explicit LineParser(LaunchLine &line) : line_(line) {}

  Status run(const std::vector<std::string> &tokens) {
    for (size_t i = 0; i < tokens.size(); i++) {
      std::string token = tokens[i];
      while (i + 1 < tokens.size() && goes_on(token, tokens[i + 1])) token += tokens[++i];
      CHECKPOINT_RETURN_IF_ERROR(take_grouped(token));
    }
    if (link_) return not_understood(tokens.back(), "nothing follows this link");
    if (!groups_.empty()) return not_understood("(", "it is not closed");
    return resolve();
  }

 private:
  struct End {
    std::optional<size_t> element;
    std::string name, pad;  // name: where `element` is not known yet
  };
  struct OpenLink {
    End from;
    std::string caps;
    bool all_pads = false;
  };

  // Parentheses make a bin, which is left out: one chain within is a part of the chain around it.
  Status take_grouped(std::string token) {
    if (token.starts_with("bin.(")) token.erase(0, 4);
    if (token.ends_with(".("))
      return not_understood(token, "only a plain bin in parentheses can be cut into stages");
    while (!token.empty() && token[0] == '(') {
      groups_.push_back(false);
      token.erase(0, 1);
    }
    size_t closing = 0;
    const auto count = [&](char c) { return std::count(token.begin(), token.end(), c); };
    for (; !token.empty() && token.back() == ')' && count(')') > count('('); closing++)
      token.pop_back();
    if (!token.empty()) CHECKPOINT_RETURN_IF_ERROR(take(token));
    for (; closing > 0; closing--) {
      if (groups_.empty() || !groups_.back() || link_)
        return not_understood(")", "no chain of elements ends here");
      groups_.pop_back();
      group_closed_ = true;
    }
    return Status::ok();
  }

  Status take(const std::string &token) {
    if (token == "!" || token == ":") return take_link(token);
    const size_t equals = assignment(token);
    if (equals != std::string::npos) return take_property(token, equals);
    if (token.find("://") != std::string::npos) return take_uri(token);
    if (link_ && (token.find('/') != std::string::npos || token == "ANY")) {
      if (!link_->caps.empty()) return not_understood(token, "one link has caps twice");
      link_->caps = token;
      return Status::ok();
    }
    const size_t dot = token.find('.');
    if (dot != std::string::npos) return take_reference(token, dot);
    if (!is_name(token)) return not_understood(token, "this is no element");
    line_.elements_.push_back({token, "", {}});
    return arrive({line_.elements_.size() - 1, "", ""});
  }

  Status take_link(const std::string &token) {
    // "! caps !" is one link.
    if (link_ && !link_->caps.empty() && !caps_closed_) {
      caps_closed_ = true;
      return Status::ok();
    }
    if (link_ || !end_) return not_understood(token, "there is no element on both sides of a link");
    link_ = OpenLink{*end_, "", token == ":"};
    caps_closed_ = false;
    end_.reset();
    return Status::ok();
  }

  Status take_uri(const std::string &token) {
    if (link_)
      return not_understood(token, "a URI is no sink here; name one, as in filesink location=");
    // Quotes within it are its own.
    const bool quoted = token.front() == '"' || token.front() == '\'';
    const std::string uri = quoted ? unquote(token) : without_backslashes(token);
    if (uri.starts_with(std::string(kCheckpointScheme) + ":")) {
      CHECKPOINT_ASSIGN_OR_RETURN(const CheckpointUri what, parse_checkpoint_uri(uri));
      line_.elements_.push_back({"checkpointsrc", "", properties_of(what)});
    } else if (const GCharPtr path(g_filename_from_uri(uri.c_str(), nullptr, nullptr)); path) {
      line_.elements_.push_back({"filesrc", "", {{"location", quote(path.get())}}});
    } else {
      line_.elements_.push_back({"urisourcebin", "", {{"uri", quote(uri)}}});
    }
    return arrive({line_.elements_.size() - 1, "", ""});
  }

  Status take_property(const std::string &token, size_t equals) {
    std::string key = token.substr(0, equals);
    const std::string value = token.substr(equals + 1);
    // As GObject does; a pad's name, in "sink_0::xpos", stays as it is.
    if (key.find("::") == key.npos) std::replace(key.begin(), key.end(), '_', '-');
    if (!groups_.empty() && !groups_.back())
      return key == "name" ? Status::ok()
                           : not_understood(token, "a bin in parentheses has no settings here");
    if (!end_ || !end_->element || group_closed_)
      return not_understood(token, "there is no element before it that it could be set on");
    LaunchLine::Element &element = line_.elements_[*end_->element];
    if (key != "name") {
      element.properties.emplace_back(key, value);
      return Status::ok();
    }
    element.name = unquote(value);
    return is_name(element.name)
               ? Status::ok()
               : not_understood(token, "a name is of letters, digits, '-' and '_'");
  }

  // "d." or "d.src_0"
  Status take_reference(const std::string &token, size_t dot) {
    if (dot == 0 || !is_name(token.substr(0, dot)))
      return not_understood(token, "references name their element, as in d.src_0");
    return arrive({std::nullopt, token.substr(0, dot), token.substr(dot + 1)});
  }

  Status arrive(const End &end) {
    if (!groups_.empty() && (!end.element || (groups_.back() && !link_)))
      return not_understood(end.element ? line_.elements_[*end.element].factory : end.name + ".",
                            "in parentheses, one chain of elements can be cut into stages only");
    groups_.assign(groups_.size(), true);
    group_closed_ = false;
    if (link_) {
      if (!link_->caps.empty() && !caps_closed_)
        return not_understood(link_->caps, "a link's caps stand between two '!'");
      links_.emplace_back(*link_, end);
      link_.reset();
    }
    end_ = end;
    // Behind a link, a reference's pad was its sink; a link from there names none.
    if (!links_.empty() && !end.element && links_.back().second.name == end.name) end_->pad = "";
    return Status::ok();
  }

  Status resolve() {
    line_.name_elements();
    auto known = [&](const End &end) -> Result<size_t> {
      if (end.element) return *end.element;
      if (auto found = line_.find(end.name)) return *found;
      return Status(Code::kInvalidArgument, "no element is named \"" + end.name + "\"",
                    "name it with name=" + end.name);
    };
    for (const auto &[open, to] : links_) {
      LaunchLine::Link link;
      CHECKPOINT_ASSIGN_OR_RETURN(link.from, known(open.from));
      CHECKPOINT_ASSIGN_OR_RETURN(link.to, known(to));
      link.from_pad = open.from.pad;
      link.to_pad = to.pad;
      link.caps = open.caps;
      link.all_pads = open.all_pads;
      line_.links_.push_back(std::move(link));
    }
    return line_.find_stages();
  }

  LaunchLine &line_;
  std::optional<End> end_;
  std::optional<OpenLink> link_;
  bool caps_closed_ = false;
  std::vector<bool> groups_;   // open parentheses: is there an element in them yet?
  bool group_closed_ = false;  // by the last token
  std::vector<std::pair<OpenLink, End>> links_;
};

Result<LaunchLine> LaunchLine::parse(const std::vector<std::string> &words) {
  const std::vector<std::string> tokens = split(joined(words));
  if (tokens.empty())
    return Status(Code::kInvalidArgument, "no pipeline is given",
                  "write it as for gst-launch-1.0, with a checkpointtap at each stage boundary");
  LaunchLine line;
  LineParser parser(line);
  CHECKPOINT_RETURN_IF_ERROR(parser.run(tokens));
  return line;
}

// "facedetect0", "facedetect1", as gst_parse_launch() counts in a new process. It makes capsfilters
// of its own for the caps of links: ours have names that none of them gets.
void LaunchLine::name_elements() {
  std::map<std::string, unsigned> counts;
  for (Element &element : elements_) {
    while (element.name.empty()) {
      const bool apart = std::isdigit(static_cast<unsigned char>(element.factory.back())) != 0 ||
                         element.factory == "capsfilter";
      std::string name =
          element.factory + (apart ? "-" : "") + std::to_string(counts[element.factory]++);
      if (!find(name)) element.name = std::move(name);
    }
  }
}

Status LaunchLine::find_stages() {
  std::set<std::string> names;
  for (size_t i = 0; i < elements_.size(); i++) {
    const Element &element = elements_[i];
    if (element.factory != "checkpointtap" && element.factory != "checkpointsink") continue;
    const auto stage = element.property("stage");
    if (!stage)
      return {Code::kInvalidArgument, element.name + " has no stage",
              "name the stage boundary: stage=decode"};
    if (!names.insert(*stage).second)
      return {Code::kInvalidArgument, "the stage \"" + *stage + "\" stands twice in the pipeline"};
    stages_.push_back(i);
  }
  // Whoever has fewer stages before it comes first.
  std::map<size_t, size_t> depth;
  for (size_t stage : stages_) {
    const std::set<size_t> earlier = before(stage);
    depth[stage] = static_cast<size_t>(std::count_if(
        stages_.begin(), stages_.end(), [&](size_t other) { return earlier.contains(other); }));
  }
  std::stable_sort(stages_.begin(), stages_.end(),
                   [&](size_t a, size_t b) { return depth[a] < depth[b]; });
  return Status::ok();
}

std::optional<size_t> LaunchLine::find(const std::string &name) const {
  for (size_t i = 0; i < elements_.size(); i++)
    if (elements_[i].name == name) return i;
  return std::nullopt;
}

std::set<size_t> LaunchLine::reach(size_t element, bool forward) const {
  std::set<size_t> reached;
  std::vector<size_t> open{element};
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    for (const Link &link : links_) {
      const size_t next = forward ? link.to : link.from;
      if ((forward ? link.from : link.to) == at && reached.insert(next).second)
        open.push_back(next);
    }
  }
  return reached;
}

std::set<size_t> LaunchLine::after(size_t element) const { return reach(element, true); }
std::set<size_t> LaunchLine::before(size_t element) const { return reach(element, false); }

Result<std::set<size_t>> LaunchLine::removed_by(size_t tap) const {
  const std::set<size_t> behind = after(tap), earlier = before(tap);
  std::set<size_t> kept = behind;
  for (const Link &link : links_) {
    if (!behind.contains(link.to) || behind.contains(link.from) || link.from == tap) continue;
    kept.insert(link.from);
    kept.merge(before(link.from));
  }
  kept.erase(tap);
  for (const Link &link : links_) {
    if (!earlier.contains(link.from) || earlier.contains(link.to) || !kept.contains(link.to))
      continue;
    return Status(Code::kInvalidArgument,
                  elements_[link.from].name + " is before the stage \"" + stage_of(tap) +
                      "\" and also feeds " + elements_[link.to].name + " behind it",
                  "start at an earlier stage, or put a tap where the branches part");
  }
  std::set<size_t> removed;
  for (size_t i = 0; i < elements_.size(); i++)
    if (!kept.contains(i)) removed.insert(i);
  return removed;
}

std::string LaunchLine::text_of(const std::set<size_t> &without, std::optional<size_t> replaced,
                                const std::string &source) const {
  std::string text;
  for (size_t i = 0; i < elements_.size(); i++) {
    if (replaced == i) {
      text += source + " name=" + quote(elements_[i].name) + " ";
    } else if (!without.contains(i)) {
      text += elements_[i].factory + " name=" + quote(elements_[i].name);
      for (const auto &[key, value] : elements_[i].properties) text += " " + key + "=" + value;
      text += " ";
    }
  }
  for (const Link &link : links_) {
    if ((without.contains(link.from) && replaced != link.from) || without.contains(link.to))
      continue;
    const std::string mark = link.all_pads ? " : " : " ! ";
    text += elements_[link.from].name + "." + link.from_pad + mark;
    if (!link.caps.empty()) text += link.caps + mark;
    text += elements_[link.to].name + "." + link.to_pad + " ";
  }
  return text;
}

std::string LaunchLine::text() const { return text_of({}, std::nullopt, ""); }

Result<std::string> LaunchLine::text_from(size_t tap, const std::string &source) const {
  CHECKPOINT_ASSIGN_OR_RETURN(std::set<size_t> removed, removed_by(tap));
  return text_of(removed, tap, source);
}

}  // namespace checkpoint
