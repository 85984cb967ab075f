// SPDX-License-Identifier: Apache-2.0
// Given outsiders who speak no HTTP, speak it slowly or all at once, then scrapes go on. All of it
// on loopback, bounded in count.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/machine.h"

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

TEST_F(HttpAbuse, TwoHundredSlowClientsDelayNobody) {
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<Connection>(exporter().port()));
    slow.back()->Send("GET /metrics HTTP/1.1\r\nHost: ");
  }
  const auto start = Clock::now();
  exporter().Scrape();
  EXPECT_LT(Clock::now() - start, seconds(1) * Patience());
  slow.clear();
  ExpectUnharmed();
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

}  // namespace
}  // namespace cnproc::e2e
