// SPDX-License-Identifier: Apache-2.0
// What collectors gave, by the names of the series.
#ifndef CNPROC_TESTS_COLLECTORS_PAGE_H_
#define CNPROC_TESTS_COLLECTORS_PAGE_H_

#include <map>
#include <string>

#include "collectors/metrics/family.h"

namespace cnproc {

// Of sorted families: "name{label="value",…}" to the value, of a histogram its number of samples;
// or to the start time.
inline std::map<std::string, double> PageOf(const Families& families, bool start_times = false) {
  std::map<std::string, double> page;
  for (const Family* family : families.in_order()) {
    for (size_t i = 0; i < family->metrics.metric.size(); ++i) {
      const prometheus::ClientMetric& series = family->metrics.metric[i];
      std::string name = family->metrics.name + "{";
      for (const auto& label : series.label) {
        name += label.name + "=\"" + label.value + "\",";
      }
      if (name.back() == ',') name.pop_back();
      page[name + "}"] = start_times ? family->extra[i].start_time_seconds
                                     : series.counter.value + series.gauge.value +
                                           static_cast<double>(series.histogram.sample_count);
    }
  }
  return page;
}

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_PAGE_H_
