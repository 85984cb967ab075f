// SPDX-License-Identifier: Apache-2.0
// Given scrapers of every kind, then each gets the same numbers in the form it asked for.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "tests/e2e/harness/lab.h"

namespace cnproc::e2e {
namespace {

const std::string kOpenMetrics = "application/openmetrics-text; version=1.0.0";

// Series that change without an event.
bool IsVolatile(const std::string& series) {
  for (const char* prefix :
       {"process_", "cnproc_scrape_", "cnproc_kernel_", "cnproc_exporter_", "cnproc_event_delay_",
        "cnproc_forks_per_second", "cnproc_last_event_timestamp_"}) {
    if (series.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

class Exposition : public Lab {
 protected:
  void SetUp() override {
    Start();
    RunWorkload({"exit", "20", "77"});
    RunWorkload({"signal", "5", "6"});
  }

  HttpResponse GetAs(const std::string& accept) {
    return exporter().Get(HttpRequest{.headers = {{"Accept", accept}}});
  }
};

TEST_F(Exposition, TextAndOpenMetricsSayTheSameNumbers) {
  Page text;
  Page open_metrics;
  // Between the two scrapes nothing may happen.
  bool same_moment = false;
  for (int tries = 0; tries < 100 && !same_moment; ++tries) {
    const Cut before = TakeCut();
    text = before.page;
    open_metrics = Page::Parse(GetAs(kOpenMetrics).body, Format::kOpenMetrics);
    same_moment = (TakeCut().seen - before.seen).Total() == 0;
  }
  ASSERT_TRUE(same_moment) << "the machine was never silent: end what else makes processes";
  EXPECT_EQ(text.values().size(), open_metrics.values().size());
  for (const auto& [series, value] : text.values()) {
    ASSERT_TRUE(open_metrics.Has(series)) << series;
    if (!IsVolatile(series)) {
      EXPECT_EQ(open_metrics[series], value) << series;
    }
  }
}

TEST_F(Exposition, TheTypeFollowsAccept) {
  EXPECT_EQ(exporter().Get().Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(GetAs("text/html;q=0.9,*/*;q=0.1").Header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(GetAs("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2")
                .Header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(GetAs("application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.9")
                .Header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8");
}

// The labels of the series' exemplar in OpenMetrics; empty without one.
LabelPairs ExemplarOf(const Page& page, const std::string& series) {
  for (const PageFamily& family : page.families()) {
    for (const Sample& sample : family.samples) {
      if (SeriesName(sample.name, sample.labels) == series) return sample.exemplar;
    }
  }
  return {};
}

TEST_F(Exposition, ExemplarsNameTheNewestWhoDied) {
  // Given a child of our own that aborts; nothing else here ends by SIGSYS
  rlimit no_core{0, 0};
  const pid_t pid = fork();
  if (pid == 0) {
    setrlimit(RLIMIT_CORE, &no_core);
    kill(getpid(), SIGSYS);
  }
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  TakeCut();
  const Page page = Page::Parse(GetAs(kOpenMetrics).body, Format::kOpenMetrics);
  // Then the series that counted it say which it was, and what its parent's program is called
  const LabelPairs who = {{"pid", std::to_string(pid)}, {"program", "kernel_tests"}};
  EXPECT_EQ(ExemplarOf(page, "cnproc_exit_signals_total{signal=\"SIGSYS\"}"), who);
  EXPECT_EQ(ExemplarOf(page, "cnproc_coredumps_total{signal=\"SIGSYS\",written=\"false\"}"), who);
  EXPECT_EQ(ExemplarOf(page, "cnproc_program_coredumps_total{program=\"kernel_tests\"}"), who);
  EXPECT_EQ(ExemplarOf(page, "cnproc_coredumps_total{signal=\"SIGQUIT\",written=\"false\"}"),
            LabelPairs());
  // And the text format, which has no place for them, says nothing
  EXPECT_EQ(exporter().Get().body.find(" # {"), std::string::npos);
}

TEST_F(Exposition, ExemplarsCanBeTurnedOff) {
  const Exporter without({.flags = {"--no-web.exemplars"}});
  const std::string page = without.Get(HttpRequest{.headers = {{"Accept", kOpenMetrics}}}).body;
  Page::Parse(page, Format::kOpenMetrics);
  EXPECT_EQ(page.find(" # {"), std::string::npos);
}

TEST_F(Exposition, GzipOnlyForThoseWhoWantIt) {
  const HttpResponse zipped = exporter().Get(HttpRequest{.headers = {{"Accept-Encoding", "gzip"}}});
  EXPECT_EQ(zipped.Header("content-encoding"), "gzip");
  EXPECT_EQ(Page::Parse(Gunzip(zipped.body))["cnproc_exit_codes_total{code=\"77\"}"], 20);
  for (const char* refuses : {"gzip;q=0", "identity", "br"}) {
    const HttpResponse plain =
        exporter().Get(HttpRequest{.headers = {{"Accept-Encoding", refuses}}});
    EXPECT_EQ(plain.Header("content-encoding"), "") << refuses;
    Page::Parse(plain.body);
  }
}

TEST_F(Exposition, PromtoolHasNothingToSay) {
  const Result result = RunWithInput({"promtool", "check", "metrics"}, exporter().Get().body);
  EXPECT_EQ(result.ExitCode(), 0);
  EXPECT_EQ(result.out + result.err, "");
}

TEST_F(Exposition, HeadSendsTheHeadersAlone) {
  const HttpResponse head = exporter().Get(HttpRequest{.method = "HEAD"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

TEST_F(Exposition, OtherMethodsAndPathsAreRefused) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PURGE"}) {
    const HttpResponse response = exporter().Get(HttpRequest{.method = method});
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.Header("allow"), "GET, HEAD") << method;
  }
  for (const char* path : {"/nothing", "/metrics/", "/../etc/passwd", "/-/"}) {
    EXPECT_EQ(exporter().Get(path).status, 404) << path;
  }
}

TEST_F(Exposition, CollectAndExcludeChooseCollectors) {
  const auto families = [&](const std::string& query) {
    return Page::Parse(exporter().Get("/metrics?" + query).body);
  };
  EXPECT_TRUE(families("collect[]=processes").Has("cnproc_execs_total"));
  EXPECT_TRUE(families("collect%5B%5D=processes").Has("cnproc_execs_total"));
  EXPECT_TRUE(families("exclude[]=processes").Has("cnproc_up"));
  EXPECT_FALSE(families("exclude[]=processes").Has("cnproc_execs_total"));
  for (const char* bad :
       {"collect[]=nothing", "exclude[]=nothing", "collect[]=processes&exclude[]=processes"}) {
    const HttpResponse response = exporter().Get("/metrics?" + std::string(bad));
    EXPECT_EQ(response.status, 400) << bad;
  }
}

TEST_F(Exposition, TheLandingPageLinksToTheMetrics) {
  const HttpResponse page = exporter().Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.Header("content-type").find("text/html"), std::string::npos);
  EXPECT_NE(page.body.find("/metrics"), std::string::npos);
}

// Every closed label set is there at 0 before the first event.
TEST(FirstScrape, HasEverySeriesOfAClosedSet) {
  Exporter exporter;
  const Page page = exporter.Scrape();
  for (const char* event :
       {"fork", "exec", "uid", "gid", "sid", "ptrace", "comm", "coredump", "exit"}) {
    EXPECT_TRUE(page.Has("cnproc_events_total{event=\"" + std::string(event) + "\"}")) << event;
  }
  for (const char* reason : {"receive_buffer", "attribute_buffer", "kernel", "unsubscribed"}) {
    EXPECT_EQ(page["cnproc_events_lost_total{reason=\"" + std::string(reason) + "\"}"], 0);
  }
  for (const char* code : {"1", "2", "126", "127", "128"}) {
    EXPECT_TRUE(page.Has("cnproc_exit_codes_total{code=\"" + std::string(code) + "\"}")) << code;
  }
  for (const char* signal : {"SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
                             "SIGSEGV", "SIGXCPU", "SIGXFSZ", "SIGSYS"}) {
    for (const char* written : {"true", "false"}) {
      EXPECT_TRUE(page.Has("cnproc_coredumps_total{signal=\"" + std::string(signal) +
                           "\",written=\"" + written + "\"}"))
          << signal;
    }
    EXPECT_TRUE(page.Has("cnproc_exit_signals_total{signal=\"" + std::string(signal) + "\"}"));
  }
  EXPECT_TRUE(page.Has("cnproc_exit_signals_total{signal=\"realtime\"}"));
  EXPECT_EQ(exporter.Stop(), 0);
}

}  // namespace
}  // namespace cnproc::e2e
