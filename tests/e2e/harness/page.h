// SPDX-License-Identifier: Apache-2.0
// A strict reader of the text formats: whatever a scraper might stumble over is an error here, and
// so is what interface.md forbids (order, spelling of le).
#ifndef CNPROC_TESTS_E2E_HARNESS_PAGE_H_
#define CNPROC_TESTS_E2E_HARNESS_PAGE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cnproc::e2e {

enum class Format { kText, kOpenMetrics };

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  std::string name;
  LabelPairs labels;
  double value = 0;
  LabelPairs exemplar;  // its labels; empty where there is none
};

struct PageFamily {
  std::string name;  // as the TYPE line says it: OpenMetrics leaves _total out
  std::string type;
  std::string help;
  std::vector<Sample> samples;
};

// A value type. Series are named as the page writes them: name{label="value",...}.
class Page {
 public:
  // Throws HarnessError with the line that is wrong.
  static Page Parse(std::string_view text, Format format = Format::kText);

  // Throws when there is no such series.
  double operator[](const std::string& series) const;

  bool Has(const std::string& series) const { return values_.count(series) != 0; }

  // Over all series of that sample name, or of those that have the label.
  double Sum(const std::string& name) const;
  double Sum(const std::string& name, const std::string& label, const std::string& value) const;

  const std::vector<PageFamily>& families() const { return families_; }
  const std::map<std::string, double>& values() const { return values_; }

 private:
  std::vector<PageFamily> families_;
  std::map<std::string, double> values_;
};

std::string SeriesName(const std::string& name, const LabelPairs& labels);

// What happened between two cuts: the differences of counters, exact as long as they are below
// 2^53. A series that was not there before counts from 0.
class Delta {
 public:
  Delta(Page before, Page after) : before_(std::move(before)), after_(std::move(after)) {}

  int64_t operator[](const std::string& series) const;
  int64_t Sum(const std::string& name) const;
  int64_t Sum(const std::string& name, const std::string& label, const std::string& value) const;

 private:
  const Page before_;
  const Page after_;
};

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_PAGE_H_
