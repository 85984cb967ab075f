// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/routes.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "exporter/exposition/gzip.h"
#include "exporter/exposition/negotiation.h"
#include "exporter/exposition/protobuf.h"
#include "exporter/exposition/text.h"
#include "exporter/web/embedded.h"
#include "exporter/web/pages.h"

namespace cnproc {
namespace {

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kDashboards = "/dashboards/";
constexpr std::string_view kRules = "/rules/";
constexpr std::string_view kAssets = "/assets/";

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

HttpResponse Ok(std::string_view content_type, std::string body) {
  HttpResponse response;
  response.headers = AnswerHeaders(content_type);
  response.body = std::move(body);
  return response;
}

HttpResponse NotFound() { return PlainText(404, "404: there is no such page"); }

// A list links to its files relative to its folder. The location is relative too: a proxy may have
// put the pages under a prefix.
HttpResponse MovedTo(std::string_view folder) {
  HttpResponse response = PlainText(301, absl::StrCat("301: see ", std::string(folder)));
  response.headers.emplace_back("Location", folder);
  return response;
}

HttpResponse MethodNotAllowed() {
  HttpResponse response = PlainText(405, "405: only GET and HEAD are served");
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

// OPTIONS * asks what the server can do at all.
HttpResponse ServerOptions() {
  HttpResponse response = PlainText(200, "GET and HEAD are served");
  response.headers.emplace_back("Allow", "GET, HEAD");
  return response;
}

HttpResponse BadRequest(std::string_view why) {
  return PlainText(400, absl::StrCat("400: ", std::string(why)));
}

void Compress(const HttpRequest& request, HttpResponse& response) {
  constexpr size_t kWorthwhileBytes = 1024;
  if (response.body.size() < kWorthwhileBytes) return;
  response.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (!AcceptsGzip(request.Header("Accept-Encoding"))) return;
  auto packed = Gzip(response.body);
  if (!packed) return;
  response.body = *std::move(packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

const EmbeddedFile* Find(std::span<const EmbeddedFile> files, std::string_view name) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const EmbeddedFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

absl::StatusOr<CollectorFilter> ParseFilter(const HttpRequest& request,
                                            const std::vector<CollectorState>& collectors) {
  CollectorFilter filter;
  for (const auto& [name, value] : request.query) {
    if (name == "collect[]") filter.collect.push_back(value);
    if (name == "exclude[]") filter.exclude.push_back(value);
  }
  if (!filter.collect.empty() && !filter.exclude.empty()) {
    return absl::InvalidArgumentError("collect[] and exclude[] cannot be given together");
  }
  for (const auto* list : {&filter.collect, &filter.exclude}) {
    for (const std::string& name : *list) {
      const auto found =
          std::find_if(collectors.begin(), collectors.end(),
                       [&](const CollectorState& state) { return state.name == name; });
      if (found == collectors.end()) {
        return absl::InvalidArgumentError(absl::StrCat("there is no collector \"", name, "\""));
      }
      if (!found->enabled) {
        return absl::InvalidArgumentError(absl::StrCat("collector \"", name, "\" is disabled"));
      }
    }
  }
  return filter;
}

// The rules are written for job "cnproc".
std::string RulesForJob(std::string_view rules, std::string_view job) {
  constexpr std::string_view kWritten = "job=\"cnproc\"";
  std::string result;
  while (true) {
    const size_t place = rules.find(kWritten);
    result += rules.substr(0, place);
    if (place == std::string_view::npos) return result;
    result.append("job=\"").append(job).append("\"");
    rules.remove_prefix(place + kWritten.size());
  }
}

// Of what Prometheus allows as a job only what needs no escaping in PromQL within YAML.
bool IsJobName(std::string_view job) {
  constexpr size_t kMaxBytes = 128;
  constexpr std::string_view kPunctuation = "_-.:/@";
  return !job.empty() && job.size() <= kMaxBytes &&
         std::all_of(job.begin(), job.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  kPunctuation.find(c) != std::string_view::npos;
         });
}

HttpResponse Rules(const HttpRequest& request) {
  const std::string_view name = std::string_view(request.path).substr(kRules.size());
  if (name.empty()) return Ok(kHtml, RulesPage());
  const EmbeddedFile* file = Find(EmbeddedRules(), name);
  if (file == nullptr) return NotFound();
  std::string_view job = "cnproc";
  for (const auto& [key, value] : request.query) {
    if (key == "job") job = value;
  }
  if (!IsJobName(job)) {
    return BadRequest("job: 1 to 128 letters, digits and characters of _-.:/@");
  }
  return Ok("application/yaml; charset=utf-8", RulesForJob(file->content, job));
}

HttpResponse Dashboards(const HttpRequest& request) {
  const std::string_view name = std::string_view(request.path).substr(kDashboards.size());
  if (name.empty()) return Ok(kHtml, DashboardsPage());
  const EmbeddedFile* file = Find(EmbeddedDashboards(), name);
  return file == nullptr ? NotFound()
                         : Ok("application/json; charset=utf-8", std::string(file->content));
}

HttpResponse Asset(const HttpRequest& request) {
  const EmbeddedFile* file = Find(EmbeddedAssets(), request.path.substr(kAssets.size()));
  if (file == nullptr) return NotFound();
  std::string content(file->content);
  if (file->name.ends_with(".css")) return Ok("text/css; charset=utf-8", std::move(content));
  if (file->name.ends_with(".js")) return Ok("text/javascript; charset=utf-8", std::move(content));
  return NotFound();  // a page has an address of its own
}

// One of the answers that are on their way.
class Place {
 public:
  explicit Place(std::shared_ptr<std::atomic<int>> counter) : counter_(std::move(counter)) {}
  ~Place() { counter_->fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  const std::shared_ptr<std::atomic<int>> counter_;
};

}  // namespace

bool CollectorFilter::Includes(std::string_view collector) const {
  if (!collect.empty()) return Contains(collect, collector);
  return !Contains(exclude, collector);
}

Families SpareFamilies::Take() {
  const MutexLock lock(mutex_);
  return std::exchange(families_, {});
}

void SpareFamilies::Keep(Families families) {
  families.Clear();
  const MutexLock lock(mutex_);
  std::swap(families_, families);
}

Routes::Routes(RoutesOptions options, MetricsSource& source)
    : options_(std::move(options)), source_(source) {}

std::shared_ptr<void> Routes::AcquirePlace() const {
  if (in_flight_->fetch_add(1) < options_.max_requests) return std::make_shared<Place>(in_flight_);
  in_flight_->fetch_sub(1);
  return nullptr;
}

HttpResponse Routes::Handle(const HttpRequest& request) const {
  HttpResponse response;
  if (request.method == "OPTIONS" && request.path == "*") {
    response = ServerOptions();
  } else if (request.method != "GET" && request.method != "HEAD") {
    response = MethodNotAllowed();
  } else if (!request.fault.empty()) {
    response = BadRequest(request.fault);
  } else if (request.path == "*") {
    response = BadRequest("only OPTIONS can ask for *");
  } else if (request.path == "/-/healthy") {
    response = PlainText(200, "healthy");
  } else if (request.path == "/-/ready") {
    response = Ready();
  } else if (auto place = AcquirePlace()) {
    response = Page(request);
    Compress(request, response);
    response.lease = std::move(place);
  } else {
    response = PlainText(503, absl::StrCat("503: ", options_.max_requests,
                                           " requests are being answered already "
                                           "(--web.max-requests)"));
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

HttpResponse Routes::Page(const HttpRequest& request) const {
  const std::string_view path = request.path;
  if (path == options_.telemetry_path) return Metrics(request);
  if (path == "/") return Ok(kHtml, LandingPage(options_, source_.Collectors(), source_.Ready()));
  if (path == "/live") return Ok(kHtml, LivePage(options_));
  if (path == "/dashboards") return MovedTo("dashboards/");
  if (path == "/rules") return MovedTo("rules/");
  if (path.starts_with(kDashboards)) return Dashboards(request);
  if (path.starts_with(kRules)) return Rules(request);
  if (path.starts_with(kAssets)) return Asset(request);
  return NotFound();
}

HttpResponse Routes::Ready() const {
  const absl::Status ready = source_.Ready();
  return ready.ok() ? PlainText(200, "ready")
                    : PlainText(503, absl::StrCat("503: ", ready.message()));
}

HttpResponse Routes::Metrics(const HttpRequest& request) const {
  auto filter = ParseFilter(request, source_.Collectors());
  if (!filter.ok()) return BadRequest(std::string(filter.status().message()));
  Families families = spare_.Take();
  source_.Gather(*filter, families);
  const Format format = NegotiateFormat(request.Header("Accept"));
  HttpResponse response = Ok(ContentType(format), Write(format, families));
  spare_.Keep(std::move(families));
  return response;
}

std::string Routes::Write(Format format, const Families& families) const {
  switch (format) {
    case Format::kOpenMetrics:
      return WriteOpenMetrics(families, {options_.openmetrics_created, options_.exemplars});
    case Format::kProtobuf:
      return WriteProtobuf(families, options_.exemplars);
    case Format::kText:
      break;
  }
  return WriteText(families);
}

}  // namespace cnproc
