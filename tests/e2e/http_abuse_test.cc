// SPDX-License-Identifier: Apache-2.0
// Given outsiders who speak no HTTP, speak it slowly or all at once, then scrapes go on. All of it
// on loopback, bounded in count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"
#include "tests/e2e/who_lab.h"

namespace cnproc::e2e {
namespace {

class HttpAbuse : public Lab {
 protected:
  void SetUp() override {
    Start();
    exporter().Scrape();
    descriptors_ = UsageOf(exporter().pid()).descriptors;
  }

  void ExpectUnharmed() {
    // Right after a flood the places may all be taken: 503.
    EXPECT_TRUE(Eventually(seconds(5), [&] { return exporter().Get().status == 200; }));
    EXPECT_EQ(exporter().Scrape()["cnproc_up"], 1);
    EXPECT_TRUE(Eventually(seconds(10), [&] {
      return UsageOf(exporter().pid()).descriptors <= descriptors_;
    })) << "descriptors are left over";
  }

 private:
  int64_t descriptors_ = 0;
};

TEST_F(HttpAbuse, Garbage) {
  std::mt19937 random(4);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same garbage each time
  for (int i = 0; i < 300; ++i) {
    const Connection connection(exporter().port(), seconds(10));
    std::string bytes(1 + random() % 2000, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (i % 3 == 0) bytes.insert(0, "GET ");
    if (i % 3 == 1) bytes.insert(0, "GET /metrics HTTP/1.1\r\n");
    connection.Send(bytes + "\r\n\r\n");
  }
  ExpectUnharmed();
}

TEST_F(HttpAbuse, HeadsThatAreTooLarge) {
  for (const size_t size : {size_t{20'000}, size_t{1'000'000}}) {
    const Connection connection(exporter().port(), seconds(10));
    connection.Send("GET /metrics HTTP/1.1\r\nX-Large: " + std::string(size, 'x') + "\r\n\r\n");
    EXPECT_TRUE(connection.ReadToEnd().starts_with("HTTP/1.1 4")) << size;
  }
  const HttpResponse response = exporter().Get("/metrics?" + std::string(8000, 'a') + "=1");
  EXPECT_EQ(response.status, 200);
  ExpectUnharmed();
}

// Bounded by what a test may have open; each that is cut off is replaced.
TEST_F(HttpAbuse, AThousandHalfOpenClientsOfOneAddressDelayNobody) {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const auto connect = [&] {
    return std::make_unique<Connection>(exporter().port(), seconds(10), "127.0.0.2");
  };
  for (const std::string sent : {"", "GET /metrics HTTP/1.1\r\nHost: "}) {
    std::vector<std::unique_ptr<Connection>> slow(1000);
    for (auto& client : slow) {
      client = connect();
      client->Send(sent);
    }
    for (size_t i = 0; i < 20; ++i) {
      const auto start = Clock::now();
      exporter().Scrape();
      EXPECT_LT(Clock::now() - start, seconds(1) * Patience()) << "scrape " << i << ": " << sent;
      for (size_t j = 0; j < 10; ++j) {
        slow[i * 10 + j] = connect();
        slow[i * 10 + j]->Send(sent);
      }
    }
  }
  EXPECT_THAT(exporter().Log(), testing::HasSubstr("\"cut off a client\" client=127.0.0.2 "));
  ExpectUnharmed();
}

TEST_F(HttpAbuse, AnIdleExporterHasFewThreadsAndDescriptors) {
  const Usage usage = UsageOf(exporter().pid());
  EXPECT_LT(usage.threads + usage.descriptors, 80)
      << usage.threads << " threads, " << usage.descriptors << " descriptors";
}

TEST_F(HttpAbuse, ClientsThatLeaveWithoutReading) {
  for (int i = 0; i < 200; ++i) {
    const Connection connection(exporter().port());
    connection.Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  ExpectUnharmed();
}

// Each of sixty scrapers gets a whole page or a 503, and the events go on.
TEST_F(HttpAbuse, SixtyScrapersAtOnce) {
  std::atomic<int> pages = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> other = 0;
  std::vector<std::thread> scrapers(60);
  for (std::thread& scraper : scrapers) {
    scraper = std::thread([&] {
      for (int n = 0; n < 5; ++n) {
        try {
          const HttpResponse response = exporter().Get();
          if (response.status == 200) Page::Parse(response.body);
          ++(response.status == 200 ? pages : response.status == 503 ? refused : other);
        } catch (const HarnessError&) {
          ++other;
        }
      }
    });
  }
  RunWorkload({"exit", "500", "77"});
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(other, 0);
  EXPECT_GT(pages, 0);
  EXPECT_EQ(pages + refused, 300);
  EXPECT_TRUE(Eventually(seconds(2), [&] {
    const Page page = exporter().Scrape();
    const std::string exits = "cnproc_exit_codes_total{code=\"77\"}";
    return page.Has(exits) && page[exits] >= 500;
  }));
  ExpectUnharmed();
}

// As in a pod of a kubelet with podPidsLimit: what other containers leave.
TEST(FewThreads, AreEnoughToServeAndAreSaid) {
  Cgroup cgroup("pids", "/cnp-few-threads");
  ASSERT_TRUE(cgroup.Set("pids.max", "20"));
  const TempFolder folder;
  const std::string log = folder.Path("log");
  const std::string binary = ExporterBinary();
  const uint16_t port = FreePort();
  const std::string address = "--web.listen-address=127.0.0.1:" + std::to_string(port);
  const pid_t exporter = Fork([&] {
    if (!cgroup.Enter() || freopen(log.c_str(), "w", stderr) == nullptr) return 1;
    execl(binary.c_str(), binary.c_str(), address.c_str(), nullptr);
    return 1;
  });
  EXPECT_TRUE(Eventually(seconds(10), [&] {
    try {
      return Fetch(port).status == 200;
    } catch (const HarnessError&) {
      return false;
    }
  })) << ReadFile(log);
  // It serves before it says so.
  EXPECT_TRUE(Eventually(seconds(10), [&] {
    const std::string said = ReadFile(log);
    return said.find("the web server has fewer threads than") != std::string::npos &&
           said.find("podPidsLimit") != std::string::npos;
  })) << ReadFile(log);
  kill(exporter, SIGTERM);
  EXPECT_EQ(Wait(exporter), 0);
}

// With no room for a web server at all it ends, and says what to do.
TEST(FewThreads, TooFewEndItWithAReason) {
  Cgroup cgroup("pids", "/cnp-no-threads");
  ASSERT_TRUE(cgroup.Set("pids.max", "5"));
  const TempFolder folder;
  const std::string log = folder.Path("log");
  const std::string binary = ExporterBinary();
  const std::string address = "--web.listen-address=127.0.0.1:" + std::to_string(FreePort());
  const int status = Wait(Fork([&] {
    if (!cgroup.Enter() || freopen(log.c_str(), "w", stderr) == nullptr) return 1;
    execl(binary.c_str(), binary.c_str(), address.c_str(), nullptr);
    return 1;
  }));
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_NE(WEXITSTATUS(status), 0);
  EXPECT_THAT(ReadFile(log), testing::HasSubstr("the web server cannot start"));
}

}  // namespace
}  // namespace cnproc::e2e
