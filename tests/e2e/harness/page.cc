// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/page.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool IsNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool IsNamePart(char c) {
  return IsNameStart(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == ':';
}

// One line, eaten from the left; every mistake ends in Wrong().
class Line {
 public:
  explicit Line(std::string_view text) : text_(text), rest_(text) {}

  [[noreturn]] void Wrong(const std::string& why) const {
    Fail(why + " in line: " + std::string(text_));
  }

  bool AtEnd() const { return rest_.empty(); }
  bool Next(char c) const { return !rest_.empty() && rest_.front() == c; }

  bool Take(std::string_view token) {
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void Expect(std::string_view token) {
    if (!Take(token)) Wrong("'" + std::string(token) + "' is missing");
  }

  std::string Name() {
    if (rest_.empty() || !IsNameStart(rest_.front())) Wrong("a name is missing");
    size_t length = 0;
    while (length < rest_.size() && IsNamePart(rest_[length])) ++length;
    return Cut(length);
  }

  std::string Word() { return Cut(std::min(rest_.find(' '), rest_.size())); }

  std::string Rest() { return Cut(rest_.size()); }

  std::string QuotedValue() {
    Expect("\"");
    std::string value;
    for (;;) {
      if (AtEnd()) Wrong("a label value does not end");
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (static_cast<unsigned char>(c) < 0x20) Wrong("a control character in a label value");
      value += c == '\\' ? Unescape() : c;
    }
  }

  double Value() {
    const std::string word = Word();
    if (word == "+Inf") return kInfinity;
    if (word == "-Inf") return -kInfinity;
    if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (word.empty() || *end != '\0' || std::isalpha(static_cast<unsigned char>(word[0])) != 0) {
      Wrong("'" + word + "' is no value");
    }
    return value;
  }

 private:
  std::string Cut(size_t length) {
    std::string taken(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return taken;
  }

  char Unescape() {
    if (AtEnd()) Wrong("an escape does not end");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'n') return '\n';
    if (c != '\\' && c != '"') Wrong("an unknown escape");
    return c;
  }

  std::string_view text_;
  std::string_view rest_;
};

// Rejects overlong forms, surrogates and what lies beyond U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80       ? 1
                          : lead >> 5 == 6  ? 2
                          : lead >> 4 == 14 ? 3
                          : lead >> 3 == 30 ? 4
                                            : 0;
    if (length == 0 || i + length > text.size()) return false;
    uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next >> 6 != 2) return false;
      point = (point << 6) | (next & 0x3fU);
    }
    static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kSmallest[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      return false;
    }
    i += length;
  }
  return true;
}

LabelPairs ParseLabels(Line& line) {
  LabelPairs labels;
  if (!line.Take("{")) return labels;
  std::set<std::string> seen;
  while (!line.Take("}")) {
    if (!labels.empty()) line.Expect(",");
    std::string name = line.Name();
    if (name.find(':') != std::string::npos) line.Wrong("a colon in a label name");
    if (!seen.insert(name).second) line.Wrong("a label twice");
    line.Expect("=");
    labels.emplace_back(name, line.QuotedValue());
  }
  return labels;
}

Sample ParseSample(Line line, Format format) {
  Sample sample;
  sample.name = line.Name();
  sample.labels = ParseLabels(line);
  line.Expect(" ");
  sample.value = line.Value();
  if (format == Format::kOpenMetrics && line.Take(" # ")) {
    if (!line.Next('{')) line.Wrong("an exemplar without labels");
    size_t characters = 0;
    sample.exemplar = ParseLabels(line);
    for (const auto& [name, value] : sample.exemplar) characters += name.size() + value.size();
    if (characters > 128) line.Wrong("an exemplar of more than 128 characters");
    line.Expect(" ");
    line.Value();
    line.Expect(" ");
    line.Value();
  }
  if (!line.AtEnd()) line.Wrong("something after the value");
  return sample;
}

// The suffixes that samples of a family of this type may carry.
std::vector<std::string> Suffixes(const PageFamily& family, Format format) {
  if (family.type == "histogram") return {"_bucket", "_sum", "_count", "_created"};
  if (family.type == "counter" && format == Format::kOpenMetrics) return {"_total", "_created"};
  return {""};
}

LabelPairs WithoutLe(LabelPairs labels) {
  labels.erase(std::remove_if(labels.begin(), labels.end(),
                              [](const auto& label) { return label.first == "le"; }),
               labels.end());
  return labels;
}

std::string Le(const Sample& sample) {
  for (const auto& [name, value] : sample.labels) {
    if (name == "le") return value;
  }
  Fail("a bucket without le: " + SeriesName(sample.name, sample.labels));
}

// interface.md: le is written as OpenMetrics writes it, in every format.
void CheckLeSpelling(const std::string& le) {
  if (le != "+Inf" && le.find_first_of(".e") == std::string::npos) Fail("le is written " + le);
}

// Buckets rise to +Inf, which equals _count; _sum and _count are there.
void CheckHistogram(const PageFamily& family) {
  std::map<LabelPairs, std::vector<Sample>> by_labels;
  for (const Sample& sample : family.samples) by_labels[WithoutLe(sample.labels)].push_back(sample);
  for (const auto& [labels, samples] : by_labels) {
    const std::string where = SeriesName(family.name, labels);
    double bound = -kInfinity;
    double cumulative = 0;
    std::optional<double> sum;
    std::optional<double> count;
    for (const Sample& sample : samples) {
      if (sample.name == family.name + "_sum") sum = sample.value;
      if (sample.name == family.name + "_count") count = sample.value;
      if (sample.name != family.name + "_bucket") continue;
      const std::string le = Le(sample);
      CheckLeSpelling(le);
      const double next = le == "+Inf" ? kInfinity : std::stod(le);
      if (next <= bound || sample.value < cumulative) Fail(where + ": buckets do not rise");
      bound = next;
      cumulative = sample.value;
    }
    if (bound != kInfinity || !sum || !count || *count != cumulative) {
      Fail(where + ": +Inf, _sum and _count do not fit");
    }
  }
}

void CheckSamples(const PageFamily& family, Format format) {
  const std::vector<std::string> suffixes = Suffixes(family, format);
  LabelPairs previous;
  for (const Sample& sample : family.samples) {
    const bool belongs = std::any_of(suffixes.begin(), suffixes.end(), [&](const std::string& s) {
      return sample.name == family.name + s;
    });
    if (!belongs) Fail("sample " + sample.name + " in family " + family.name);
    if (family.type == "counter" && !(sample.value >= 0 && std::isfinite(sample.value))) {
      Fail("counter " + sample.name + " is negative or not finite");
    }
    LabelPairs labels = WithoutLe(sample.labels);
    if (labels < previous) Fail("series out of order: " + SeriesName(sample.name, labels));
    previous = std::move(labels);
  }
  if (family.type == "histogram") CheckHistogram(family);
}

void CheckFamily(const PageFamily& family, Format format) {
  static const std::set<std::string> kTypes = {"counter", "gauge", "histogram", "info"};
  if (kTypes.count(family.type) == 0) Fail(family.name + ": type " + family.type);
  if (family.help.empty()) Fail(family.name + ": no HELP");
  const bool ends_in_total =
      family.name.size() > 6 && family.name.substr(family.name.size() - 6) == "_total";
  if (ends_in_total != (family.type == "counter" && format == Format::kText)) {
    Fail(family.name + ": _total does not fit the type");
  }
  CheckSamples(family, format);
}

}  // namespace

std::string SeriesName(const std::string& name, const LabelPairs& labels) {
  if (labels.empty()) return name;
  std::string text = name + "{";
  for (const auto& [label, value] : labels) {
    if (text.back() != '{') text += ",";
    text += label + "=\"";
    for (const char c : value) {
      if (c == '\n') {
        text += "\\n";
        continue;
      }
      if (c == '\\' || c == '"') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text + "}";
}

Page Page::Parse(std::string_view text, Format format) {
  if (!IsUtf8(text)) Fail("the page is not UTF-8");
  if (text.empty() || text.back() != '\n') Fail("the page does not end with a line end");
  Page page;
  bool ended = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view content = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(content.size() + 1);
    Line line(content);
    if (ended) line.Wrong("text after # EOF");
    if (format == Format::kOpenMetrics && content == "# EOF") {
      ended = true;
    } else if (line.Take("# HELP ")) {
      PageFamily family;
      family.name = line.Name();
      line.Expect(" ");
      family.help = line.Rest();
      page.families_.push_back(family);
    } else if (line.Take("# TYPE ")) {
      if (page.families_.empty() || line.Name() != page.families_.back().name ||
          !page.families_.back().type.empty()) {
        line.Wrong("TYPE without its HELP before");
      }
      line.Expect(" ");
      page.families_.back().type = line.Rest();
    } else if (format == Format::kOpenMetrics && line.Take("# UNIT ")) {
      if (page.families_.empty() || page.families_.back().type.empty() ||
          !page.families_.back().samples.empty() || line.Name() != page.families_.back().name) {
        line.Wrong("UNIT without its TYPE before");
      }
      line.Expect(" ");
      if (!page.families_.back().name.ends_with("_" + std::string(line.Rest()))) {
        line.Wrong("a UNIT that the name does not end in");
      }
    } else {
      if (page.families_.empty() || page.families_.back().type.empty()) line.Wrong("no TYPE");
      Sample sample = ParseSample(line, format);
      if (!page.values_.emplace(SeriesName(sample.name, sample.labels), sample.value).second) {
        line.Wrong("a series twice");
      }
      page.families_.back().samples.push_back(std::move(sample));
    }
  }
  if (ended != (format == Format::kOpenMetrics)) Fail("# EOF is missing");
  std::string previous;
  for (const PageFamily& family : page.families_) {
    CheckFamily(family, format);
    if (family.name <= previous) {
      Fail("families out of order: " + family.name + " after " + previous);
    }
    previous = family.name;
  }
  return page;
}

double Page::operator[](const std::string& series) const {
  const auto found = values_.find(series);
  if (found == values_.end()) Fail("the page has no " + series);
  return found->second;
}

double Page::Sum(const std::string& name) const { return Sum(name, "", ""); }

double Page::Sum(const std::string& name, const std::string& label,
                 const std::string& value) const {
  double sum = 0;
  bool found = false;
  for (const PageFamily& family : families_) {
    for (const Sample& sample : family.samples) {
      const bool matches =
          label.empty() || std::count(sample.labels.begin(), sample.labels.end(),
                                      std::pair<std::string, std::string>(label, value)) != 0;
      if (sample.name != name || !matches) continue;
      found = true;
      sum += sample.value;
    }
  }
  if (!found) Fail("the page has no " + name + " with " + label + "=" + value);
  return sum;
}

int64_t Delta::operator[](const std::string& series) const {
  const double start = before_.Has(series) ? before_[series] : 0;
  return static_cast<int64_t>(after_[series] - start);
}

int64_t Delta::Sum(const std::string& name) const {
  return static_cast<int64_t>(after_.Sum(name) - before_.Sum(name));
}

int64_t Delta::Sum(const std::string& name, const std::string& label,
                   const std::string& value) const {
  return static_cast<int64_t>(after_.Sum(name, label, value) - before_.Sum(name, label, value));
}

}  // namespace cnproc::e2e
