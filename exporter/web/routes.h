// SPDX-License-Identifier: Apache-2.0
// Path → response: every endpoint of the exporter, over an interface that a test can fake.
#ifndef CNPROC_EXPORTER_WEB_ROUTES_H_
#define CNPROC_EXPORTER_WEB_ROUTES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/base/mutex.h"
#include "collectors/metrics/family.h"
#include "exporter/exposition/negotiation.h"
#include "exporter/web/http.h"

namespace cnproc {

// Which collectors a scrape asked for with collect[] or exclude[]. The names were checked against
// MetricsSource::Collectors(): they exist, are enabled and only one of the lists has any.
struct CollectorFilter {
  std::vector<std::string> collect;
  std::vector<std::string> exclude;

  bool Includes(std::string_view collector) const;
};

// One line of the landing page.
struct CollectorState {
  std::string name;
  std::string help;
  bool enabled = false;
  bool success = false;  // of an enabled one: it works
  std::string reason;    // why not, else ""
};

// What the pages are made of. Called from many threads at once.
class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  // One consistent cut, sorted, appended to `families`.
  virtual void Gather(const CollectorFilter& filter, Families& families) = 0;
  // OK while cnproc_up is 1, else the reason for /-/ready.
  virtual absl::Status Ready() = 0;
  virtual std::vector<CollectorState> Collectors() = 0;
};

struct RoutesOptions {
  std::string telemetry_path = "/metrics";
  int max_requests = 40;             // pages made or on their way at once; more get 503
  bool openmetrics_created = false;  // _created lines in OpenMetrics
  bool exemplars = true;
  std::string version = {};   // for the landing page
  std::string revision = {};  // of the source; may be ""
  std::string hostname = {};  // of the machine, for the titles; may be ""
};

// Keeps the memory of one page for the next. Thread-safe.
class SpareFamilies {
 public:
  // Empty; with the memory of an earlier page unless another request has taken that.
  Families Take() ABSL_LOCKS_EXCLUDED(mutex_);
  void Keep(Families families) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  Families families_ ABSL_GUARDED_BY(mutex_);
};

// Answers every path. Pure but for the source: no I/O, and no state but memory to reuse and how
// many answers are on their way. Thread-safe.
class Routes {
 public:
  // source must outlive this object.
  Routes(RoutesOptions options, MetricsSource& source);

  HttpResponse Handle(const HttpRequest& request) const;

 private:
  HttpResponse Page(const HttpRequest& request) const;
  HttpResponse Metrics(const HttpRequest& request) const;
  std::string Write(Format format, const Families& families) const;
  HttpResponse Ready() const;
  // A place among max_requests, given back when the last copy goes; nullptr if there is none.
  std::shared_ptr<void> AcquirePlace() const;

  const RoutesOptions options_;
  MetricsSource& source_;
  mutable SpareFamilies spare_;
  const std::shared_ptr<std::atomic<int>> in_flight_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_ROUTES_H_
