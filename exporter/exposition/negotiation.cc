// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/negotiation.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace cnproc {
namespace {

bool SameToken(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Cuts off and returns what stands before the next separator outside of quotes.
std::string_view Next(std::string_view& rest, char separator) {
  bool quoted = false;
  size_t i = 0;
  for (; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && rest[i] == separator) {
      break;
    }
  }
  const size_t end = std::min(i, rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trim(part);
}

// 0 to 1; nullopt for anything else.
std::optional<double> ParseQuality(std::string_view text) {
  double quality = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, quality, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !(quality >= 0 && quality <= 1)) return std::nullopt;
  return quality;
}

// One element of such a header: "application/x; proto=y; q=0.5".
struct Element {
  std::string_view value;
  std::vector<std::pair<std::string_view, std::string_view>> parameters;  // without q
  double quality = 1;

  std::string_view Parameter(std::string_view name) const {
    for (const auto& [key, parameter] : parameters) {
      if (SameToken(key, name)) return parameter;
    }
    return {};
  }
};

// An element whose q is no quality is left out.
std::vector<Element> ParseList(std::string_view header) {
  std::vector<Element> elements;
  while (!header.empty()) {
    std::string_view rest = Next(header, ',');
    Element element;
    element.value = Next(rest, ';');
    bool valid = !element.value.empty();
    while (!rest.empty()) {
      const std::string_view parameter = Next(rest, ';');
      const size_t equals = parameter.find('=');
      const std::string_view name = Trim(parameter.substr(0, equals));
      std::string_view value;
      if (equals != std::string_view::npos) value = Trim(parameter.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      if (SameToken(name, "q")) {
        const auto quality = ParseQuality(value);
        valid = valid && quality.has_value();
        element.quality = quality.value_or(0);
      } else {
        element.parameters.emplace_back(name, value);
      }
    }
    if (valid) elements.push_back(std::move(element));
  }
  return elements;
}

constexpr std::array kFormats = {Format::kText, Format::kOpenMetrics, Format::kProtobuf};

std::pair<std::string_view, std::string_view> MediaType(Format format) {
  switch (format) {
    case Format::kText:
      return {"text", "plain"};
    case Format::kOpenMetrics:
      return {"application", "openmetrics-text"};
    case Format::kProtobuf:
      break;
  }
  return {"application", "vnd.google.protobuf"};
}

// A parameter that we do not know, such as escaping, does not rule a format out.
bool ParametersMatch(const Element& element, Format format) {
  const std::string_view version = element.Parameter("version");
  switch (format) {
    case Format::kText:
      return version.empty() || version == "0.0.4";
    case Format::kOpenMetrics:
      return version.empty() || version == "1.0.0";
    case Format::kProtobuf:
      break;
  }
  return element.Parameter("proto") == "io.prometheus.client.MetricFamily" &&
         element.Parameter("encoding") == "delimited";
}

// How narrowly the media range names the format; 0 if it does not.
int Specificity(const Element& element, Format format) {
  const size_t slash = element.value.find('/');
  if (slash == std::string_view::npos) return 0;
  const std::string_view type = element.value.substr(0, slash);
  const std::string_view subtype = element.value.substr(slash + 1);
  const auto [our_type, our_subtype] = MediaType(format);
  if (type == "*" && subtype == "*") return 1;
  if (!SameToken(type, our_type)) return 0;
  if (subtype == "*") return 2;
  if (!SameToken(subtype, our_subtype) || !ParametersMatch(element, format)) return 0;
  return element.parameters.empty() ? 3 : 4;
}

// The range that decides about one format: the narrowest that names it.
struct Match {
  double quality = 0;
  int specificity = 0;
  size_t place = 0;
};

Match FindMatch(const std::vector<Element>& ranges, Format format) {
  Match best;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const int specificity = Specificity(ranges[i], format);
    if (specificity > best.specificity) best = {ranges[i].quality, specificity, i};
  }
  return best;
}

bool Preferred(const Match& a, const Match& b) {
  if (a.quality != b.quality) return a.quality > b.quality;
  if (a.specificity != b.specificity) return a.specificity > b.specificity;
  return a.place < b.place;
}

}  // namespace

Format NegotiateFormat(std::string_view accept) {
  const std::vector<Element> ranges = ParseList(accept);
  Format chosen = Format::kText;
  Match best;
  for (const Format format : kFormats) {
    const Match match = FindMatch(ranges, format);
    if (match.quality > 0 && Preferred(match, best)) {
      best = match;
      chosen = format;
    }
  }
  return chosen;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  std::optional<double> gzip;
  std::optional<double> any;
  double identity = 0;
  for (const Element& element : ParseList(accept_encoding)) {
    if (SameToken(element.value, "gzip") || SameToken(element.value, "x-gzip")) {
      gzip = std::max(gzip.value_or(0), element.quality);
    } else if (element.value == "*") {
      any = element.quality;
    } else if (SameToken(element.value, "identity")) {
      identity = element.quality;
    }
  }
  const double quality = gzip.value_or(any.value_or(0));
  return quality > 0 && quality >= identity;
}

std::string_view ContentType(Format format) {
  switch (format) {
    case Format::kText:
      return "text/plain; version=0.0.4; charset=utf-8";
    case Format::kOpenMetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Format::kProtobuf:
      break;
  }
  return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
         "encoding=delimited";
}

}  // namespace cnproc
