// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "exporter/web/embedded.h"
#include "exporter/web/request_target.h"
#include "tests/exporter/families.h"
#include "tests/exporter/gunzip.h"

namespace cnproc {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakeSource : public MetricsSource {
 public:
  void Gather(const CollectorFilter& filter, Families& families) override {
    last_filter = filter;
    Family family = CounterFamily("cnproc_forks_total", "Forks.");
    AddCounter(family, {{"kind", "process"}}, 3);
    for (int i = 0; i < extra_series; ++i) {
      AddCounter(family, {{"kind", std::to_string(i)}}, i);
    }
    families.Append() = std::move(family);
  }
  absl::Status Ready() override { return ready; }
  std::vector<CollectorState> Collectors() override {
    return {{"lineage", "Who starts what", false, false, ""},
            {"processes", "Forks & exits", true, true, ""},
            {"taskstats", "CPU", true, false, "no <CAP_NET_ADMIN>"}};
  }

  absl::Status ready;
  CollectorFilter last_filter;
  int extra_series = 0;
};

class RoutesTest : public ::testing::Test {
 protected:
  // As the server does it: the target is percent-encoded.
  HttpResponse Get(const std::string& target, HttpHeaders headers = {}) {
    HttpRequest request;
    EXPECT_TRUE(ParseTarget(target, request).ok());
    request.headers = std::move(headers);
    return routes.Handle(request);
  }

  static std::string Header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  FakeSource source;
  Routes routes{{.max_requests = 2, .version = "1.2.3", .revision = "abc", .hostname = "web<7>"},
                source};
};

constexpr const char* kTextPage =
    "# HELP cnproc_forks_total Forks.\n# TYPE cnproc_forks_total counter\n"
    "cnproc_forks_total{kind=\"process\"} 3\n";

TEST_F(RoutesTest, SaysWhatIsWrongWithARequest) {
  HttpRequest request;
  request.fault = "malformed query";
  const HttpResponse response = routes.Handle(request);
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("malformed query"));
}

TEST_F(RoutesTest, ServesTheTextFormatByDefault) {
  const HttpResponse response = Get("/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Header(response, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, kTextPage);
}

TEST_F(RoutesTest, RefusesEveryMethodButTwoAndNamesThem) {
  for (const char* method : {"POST", "OPTIONS", "TRACE", "X-Y"}) {
    HttpRequest request;
    request.method = method;
    request.path = "/metrics";
    const HttpResponse response = routes.Handle(request);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(Header(response, "Allow"), "GET, HEAD") << method;
  }
}

TEST_F(RoutesTest, SaysWhatTheServerCanDoAtAll) {
  HttpRequest request;
  ASSERT_TRUE(ParseTarget("*", request).ok());
  EXPECT_EQ(routes.Handle(request).status, 400);
  request.method = "OPTIONS";
  const HttpResponse response = routes.Handle(request);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Header(response, "Allow"), "GET, HEAD");
}

TEST_F(RoutesTest, ServesOpenMetricsWhenAccepted) {
  const HttpResponse response = Get("/metrics", {{"Accept", "application/openmetrics-text"}});
  EXPECT_EQ(Header(response, "Content-Type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_THAT(response.body, HasSubstr("# TYPE cnproc_forks counter\n"));
  EXPECT_TRUE(response.body.ends_with("# EOF\n"));
}

TEST_F(RoutesTest, ServesProtobufWhenAccepted) {
  const std::string type =
      "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
      "encoding=delimited";
  const HttpResponse response = Get("/metrics", {{"Accept", type}});
  EXPECT_EQ(Header(response, "Content-Type"), type);
  EXPECT_THAT(response.body, HasSubstr("cnproc_forks_total"));
  EXPECT_THAT(response.body, Not(HasSubstr("# TYPE")));
}

TEST_F(RoutesTest, PacksAPageOnlyForThoseWhoAcceptIt) {
  source.extra_series = 1000;
  const HttpResponse plain = Get("/metrics", {{"Accept-Encoding", "gzip;q=0"}});
  const HttpResponse packed = Get("/metrics", {{"Accept-Encoding", "gzip"}});

  EXPECT_EQ(Header(plain, "Content-Encoding"), "");
  EXPECT_EQ(Header(packed, "Content-Encoding"), "gzip");
  EXPECT_THAT(Header(packed, "Vary"), HasSubstr("Accept-Encoding"));
  EXPECT_LT(packed.body.size(), plain.body.size() / 3);
  EXPECT_EQ(Gunzip(packed.body), plain.body);
}

TEST_F(RoutesTest, FiltersByCollector) {
  EXPECT_EQ(Get("/metrics?collect[]=processes&collect%5B%5D=taskstats").status, 200);
  EXPECT_THAT(source.last_filter.collect, ElementsAre("processes", "taskstats"));
  EXPECT_TRUE(source.last_filter.Includes("taskstats"));
  EXPECT_FALSE(source.last_filter.Includes("program"));

  EXPECT_EQ(Get("/metrics?exclude[]=processes").status, 200);
  EXPECT_FALSE(source.last_filter.Includes("processes"));
  EXPECT_TRUE(source.last_filter.Includes("taskstats"));

  EXPECT_EQ(Get("/metrics").status, 200);
  EXPECT_TRUE(source.last_filter.Includes("processes"));
}

TEST_F(RoutesTest, RefusesAFilterThatCannotBeMeant) {
  const struct {
    const char* target;
    const char* why;
  } cases[] = {
      {"/metrics?collect[]=processes&exclude[]=taskstats", "cannot be given together"},
      {"/metrics?collect[]=nothing", "there is no collector \"nothing\""},
      {"/metrics?exclude[]=", "there is no collector \"\""},
      {"/metrics?collect[]=lineage", "collector \"lineage\" is disabled"},
  };
  for (const auto& [target, why] : cases) {
    const HttpResponse response = Get(target);
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_THAT(response.body, HasSubstr(why)) << target;
  }
}

TEST_F(RoutesTest, APageHasNothingOfTheOneBefore) {
  const std::string small = Get("/metrics").body;
  source.extra_series = 100;
  EXPECT_NE(Get("/metrics").body, small);
  source.extra_series = 0;
  EXPECT_EQ(Get("/metrics").body, small);
}

TEST_F(RoutesTest, AnswersOnlySoManyAtOnceButAlwaysTellsItsHealth) {
  const HttpResponse first = Get("/metrics");
  {
    const HttpResponse second = Get("/metrics");
    const HttpResponse third = Get("/metrics");
    EXPECT_EQ(second.status, 200);
    EXPECT_EQ(third.status, 503);
    EXPECT_EQ(Header(third, "Retry-After"), "1");
    EXPECT_EQ(Get("/-/healthy").status, 200);
    EXPECT_EQ(Get("/-/ready").status, 200);
  }
  EXPECT_EQ(Get("/metrics").status, 200);
}

TEST_F(RoutesTest, IsReadyWhenTheSourceIs) {
  EXPECT_EQ(Get("/-/ready").status, 200);
  source.ready = absl::UnavailableError("the replay ended");
  EXPECT_EQ(Get("/-/ready").status, 503);
  EXPECT_THAT(Get("/-/ready").body, HasSubstr("the replay ended"));
  EXPECT_EQ(Get("/-/healthy").status, 200);
}

TEST_F(RoutesTest, ShowsTheStateOfEveryCollectorOnTheLandingPage) {
  const HttpResponse page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(Header(page, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.body, AllOf(HasSubstr("1.2.3"), HasSubstr("abc"), HasSubstr("processes"),
                               HasSubstr("lineage"), HasSubstr("href=\"./metrics\""),
                               HasSubstr("href=\"./live\""), HasSubstr("web&lt;7&gt;: cnproc")));
  EXPECT_THAT(page.body,
              AllOf(HasSubstr("Forks &amp; exits"), HasSubstr("no &lt;CAP_NET_ADMIN&gt;"),
                    Not(HasSubstr("<CAP_NET_ADMIN>"))));
}

TEST_F(RoutesTest, LoadsNothingFromElsewhere) {
  for (const char* path : {"/", "/dashboards/", "/rules/", "/live"}) {
    const std::string page = Get(path).body;
    EXPECT_THAT(page, AllOf(Not(HasSubstr("http:")), Not(HasSubstr("https:")),
                            Not(HasSubstr("<script>")), Not(HasSubstr("style=\""))))
        << path;
  }
  EXPECT_EQ(Header(Get("/assets/style.css"), "Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(Header(Get("/assets/live.js"), "Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_THAT(Get("/assets/dygraph.min.js").body, HasSubstr("Dygraph"));
  EXPECT_EQ(Get("/assets/nothing.css").status, 404);
  EXPECT_EQ(Get("/assets/live.html").status, 404);
}

TEST_F(RoutesTest, ServesEveryEmbeddedFileAndNoOther) {
  for (const EmbeddedFile& file : EmbeddedDashboards()) {
    const HttpResponse response = Get("/dashboards/" + std::string(file.name));
    EXPECT_EQ(response.body, file.content);
    EXPECT_THAT(Header(response, "Content-Type"), StartsWith("application/json"));
    EXPECT_THAT(Get("/dashboards/").body, HasSubstr("href=\"./" + std::string(file.name)));
  }
  for (const EmbeddedFile& file : EmbeddedRules()) {
    const std::string path = "/rules/" + std::string(file.name);
    EXPECT_EQ(Get(path).body, file.content);
    EXPECT_THAT(Get("/rules/").body, HasSubstr("href=\"./" + std::string(file.name)));
  }
  for (const char* path :
       {"/dashboards/x.json", "/rules/x.yml", "/dashboardsx", "/dashboards/../../etc/passwd",
        "/assets/", "/etc/passwd", "/metrics/", "//metrics", "/favicon.ico"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
}

// Behind a proxy the browser knows another path than the server.
TEST_F(RoutesTest, LinksToNothingByAnAbsolutePath) {
  for (const char* path : {"/", "/live", "/dashboards/", "/rules/"}) {
    EXPECT_THAT(Get(path).body, AllOf(Not(HasSubstr("href=\"/")), Not(HasSubstr("src=\"/")),
                                      HasSubstr("href=\"./"), HasSubstr("assets/style.css")))
        << path;
  }
  for (const EmbeddedFile& file : EmbeddedAssets()) {
    if (!file.name.ends_with(".js") || file.name.starts_with("dygraph")) continue;
    EXPECT_THAT(Get("/assets/" + std::string(file.name)).body,
                AllOf(Not(HasSubstr("fetch(\"/")), Not(HasSubstr("from \"/"))))
        << file.name;
  }
}

TEST_F(RoutesTest, SendsToTheFolderOfAList) {
  for (const char* name : {"dashboards", "rules"}) {
    const HttpResponse response = Get(std::string("/") + name);
    EXPECT_EQ(response.status, 301) << name;
    EXPECT_EQ(Header(response, "Location"), std::string(name) + "/");
  }
}

TEST_F(RoutesTest, NamesTheHostInTheLiveView) {
  EXPECT_THAT(Get("/live").body,
              AllOf(HasSubstr("web&lt;7&gt;"), Not(HasSubstr("web<7>")), Not(HasSubstr("@"))));
}

TEST_F(RoutesTest, WritesTheRulesForTheJobThatIsAsked) {
  for (const EmbeddedFile& file : EmbeddedRules()) {
    const std::string path = "/rules/" + std::string(file.name);
    const std::string renamed = Get(path + "?job=a/b-c").body;
    EXPECT_THAT(renamed, Not(HasSubstr("job=\"cnproc\"")));
    if (file.content.find("job=\"cnproc\"") != std::string_view::npos) {
      EXPECT_THAT(renamed, HasSubstr("job=\"a/b-c\""));
    }
    for (const char* job : {"", "a%22b", "a%5Cb", "a%20b", "$x", "{}"}) {
      EXPECT_EQ(Get(path + "?job=" + job).status, 400) << job;
    }
    EXPECT_EQ(Get(path + "?job=" + std::string(129, 'x')).status, 400);
  }
}

TEST_F(RoutesTest, SendsSecurityHeadersWithEveryAnswer) {
  for (const char* path : {"/", "/metrics", "/-/healthy", "/-/ready", "/nothing", "/dashboards/",
                           "/assets/style.css", "/metrics?collect[]=nothing"}) {
    const HttpResponse response = Get(path);
    EXPECT_EQ(Header(response, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_THAT(Header(response, "Content-Security-Policy"),
                AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"),
                      Not(HasSubstr("unsafe"))))
        << path;
    EXPECT_EQ(Header(response, "Cache-Control"), "no-store") << path;
    EXPECT_EQ(std::count_if(response.headers.begin(), response.headers.end(),
                            [](const auto& h) { return h.first == "X-Content-Type-Options"; }),
              1)
        << path;
  }
}

TEST_F(RoutesTest, PutsTheMetricsWhereTheFlagSays) {
  const Routes moved({.telemetry_path = "/prom/x"}, source);
  HttpRequest request;
  request.path = "/prom/x";
  EXPECT_EQ(moved.Handle(request).body, kTextPage);
  request.path = "/metrics";
  EXPECT_EQ(moved.Handle(request).status, 404);
  request.path = "/";
  EXPECT_THAT(moved.Handle(request).body, HasSubstr("href=\"./prom/x\""));
  request.path = "/live";
  EXPECT_THAT(moved.Handle(request).body,
              AllOf(HasSubstr("data-metrics=\"./prom/x\""), Not(HasSubstr("@METRICS@"))));
}

}  // namespace
}  // namespace cnproc
