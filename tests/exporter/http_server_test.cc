// SPDX-License-Identifier: Apache-2.0
// The real server on loopback, and whatever a stranger may do to it.
#include "exporter/web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/exporter/http_client.h"

namespace cnproc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

long OpenDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// Whether it comes true within 12 s.
bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + std::chrono::seconds(12);
  while (steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return condition();
}

HttpResponse Echo(const HttpRequest& request) {
  if (!request.fault.empty()) return PlainText(400, request.fault);
  HttpResponse response = PlainText(200, request.method + " " + request.path);
  for (const auto& [name, value] : request.query) {
    response.body.append(name).append("=").append(value).append(";");
  }
  return response;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(Handler handler = Echo, std::vector<std::string> addresses = {"127.0.0.1:0"}) {
    HttpServerOptions options;
    options.listen_addresses = std::move(addresses);
    options.worker_threads = 48;
    server_ = std::make_unique<HttpServer>(options, std::move(handler));
    ASSERT_EQ(server_->Start(), absl::OkStatus());
    address_ = server_->BoundAddresses().at(0);
  }

  milliseconds TimeOfScrape() {
    const auto begin = steady_clock::now();
    EXPECT_THAT(Get(address_, "/metrics"), HasSubstr("200 OK"));
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
  }

  // Closed connections leave the server's table a moment later.
  static void ExpectNoDescriptorsLeftOver(long before) {
    EXPECT_TRUE(Eventually([&] { return OpenDescriptors() <= before; }));
  }

  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

TEST_F(HttpServerTest, AnswersGetWithWhatTheHandlerSays) {
  Start();
  const std::string answer = Get(address_, "/a%20b?collect%5B%5D=x+y&z");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                            HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"),
                            HasSubstr("Connection: close\r\n"), HasSubstr(" GMT\r\n"),
                            EndsWith("\r\n\r\nGET /a b\ncollect[]=x y;z=;")));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 26\r\n"));
}

TEST_F(HttpServerTest, LeavesTheBodyOutOfTheAnswerToHead) {
  Start();
  const std::string answer = Exchange(address_, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 8\r\n"),
                            EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, PassesOnEveryMethod) {
  Start();
  for (const std::string method :
       {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PURGE", "X-Y"}) {
    const std::string answer =
        Exchange(address_, method + " /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\n\r\n" + method + " /")))
        << method;
  }
}

TEST_F(HttpServerTest, WaitsForNoBody) {
  Start();
  const long before = OpenDescriptors();
  const Connection connection(address_);
  const auto begin = steady_clock::now();
  connection.Send("GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nits begin");
  EXPECT_THAT(connection.ReadAll(), HasSubstr("200 OK"));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(4)) << "it waited for the body";
  ExpectNoDescriptorsLeftOver(before + 1);  // ours
}

TEST_F(HttpServerTest, TellsWhatIsWrongWithAMalformedTarget) {
  Start();
  for (const char* target : {"/%", "/%zz", "/%00", "/?a=%", "/?%0a"}) {
    EXPECT_THAT(Get(address_, target), StartsWith("HTTP/1.1 400 ")) << target;
  }
}

TEST_F(HttpServerTest, AnswersTargetsThatOnlyProxiesSend) {
  Start();
  const std::string own = "http://" + address_;
  for (const std::string& target :
       {own + "/metrics", own + "/", std::string("http://elsewhere:1/metrics"),
        std::string("https://elsewhere/x?y=z"), std::string("http://[::1]:10119/metrics"),
        std::string("http://elsewhere")}) {
    const size_t path = target.find('/', 8);
    const std::string expected = path == std::string::npos ? "/" : target.substr(path);
    for (const std::string version : {"1.0", "1.1"}) {
      const std::string answer =
          Exchange(address_, "GET " + target + " HTTP/" + version + "\r\nHost: x\r\n\r\n");
      EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 200 "),
                                HasSubstr("\r\n\r\nGET " + expected.substr(0, expected.find('?')))))
          << target;
    }
  }
  EXPECT_THAT(Exchange(address_, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\n\r\nOPTIONS *")));
  EXPECT_THAT(Get(address_, "x"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(address_, "http:///x"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, BoundsTheFieldsOfAHead) {
  Start();
  const auto ask = [&](int fields) {
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < fields; ++i) head += "X" + std::to_string(i) + ": y\r\n";
    return Exchange(address_, head + "\r\n");
  };
  EXPECT_THAT(ask(64), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(65), AllOf(StartsWith("HTTP/1.1 431 "), HasSubstr("more than 64 header fields")));
  EXPECT_THAT(ask(1000), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, ServesNoFileOfTheHost) {
  Start();
  for (const char* target : {"/etc/passwd", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                             "//etc/passwd", "/./etc/passwd"}) {
    // The handler is asked, and nobody else
    EXPECT_THAT(Get(address_, target), HasSubstr("\r\n\r\nGET /")) << target;
    EXPECT_THAT(Get(address_, target), Not(HasSubstr("root:"))) << target;
  }
}

TEST_F(HttpServerTest, TellsNoVersionOfItself) {
  Start();
  for (const std::string& answer :
       {Get(address_, "/"), Get(address_, "/%"), Exchange(address_, "garbage\r\n\r\n")}) {
    EXPECT_THAT(answer,
                AllOf(StartsWith("HTTP/1.1 "), Not(HasSubstr("Server:")), Not(HasSubstr("ivet"))));
  }
}

TEST_F(HttpServerTest, BoundsTheHeadOfARequest) {
  Start();
  const std::string fits(15000, 'x');
  EXPECT_THAT(Exchange(address_, "GET / HTTP/1.1\r\nHost: x\r\nX: " + fits + "\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  const std::string exceeds(17000, 'x');
  EXPECT_THAT(Exchange(address_, "GET / HTTP/1.1\r\nHost: x\r\nX: " + exceeds + "\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 4"), HasSubstr("head exceeds 16 KiB")));
}

TEST_F(HttpServerTest, SendsNoBodyWithTheErrorOfAHead) {
  Start();
  const std::string answer = Exchange(address_, "HEAD / HTTP/1.7\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 505 "), HasSubstr("Content-Length: 4")));
  EXPECT_EQ(answer.find("\r\n\r\n") + 4, answer.size()) << answer;
}

TEST_F(HttpServerTest, ListensOnBothFamiliesAndOnSeveralAddresses) {
  Start(Echo, {":0", "127.0.0.1:0", "[::1]:0"});
  const std::vector<std::string> bound = server_->BoundAddresses();
  ASSERT_EQ(bound.size(), 3U);
  ASSERT_THAT(bound[0], StartsWith(":"));
  for (const std::string& address :
       {"127.0.0.1" + bound[0], "[::1]" + bound[0], bound[1], bound[2]}) {
    EXPECT_THAT(Get(address, "/"), HasSubstr("200 OK")) << address;
  }
}

TEST_F(HttpServerTest, SaysWhichAddressFailsAndWhy) {
  Start();
  HttpServer second({.listen_addresses = {"127.0.0.1:0", address_}, .worker_threads = 2}, Echo);
  const absl::Status status = second.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("cannot listen on " + address_ + ": Address already in use"),
                    HasSubstr("--web.listen-address")));

  HttpServer third({.listen_addresses = {"nonsense"}}, Echo);
  EXPECT_EQ(third.Start().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(HttpServerTest, LetsARunningRequestEndWhenItStops) {
  std::atomic<bool> entered = false;
  Start([&](const HttpRequest&) {
    entered = true;
    std::this_thread::sleep_for(milliseconds(300));
    return PlainText(200, "whole");
  });
  std::string answer;
  std::thread client([&] { answer = Get(address_, "/"); });
  while (!entered) std::this_thread::sleep_for(milliseconds(1));
  server_->Stop();
  client.join();
  EXPECT_THAT(answer, EndsWith("whole\n"));
  EXPECT_FALSE(Connection(address_).ok());
  server_->Stop();
}

TEST_F(HttpServerTest, SurvivesAHandlerThatThrows) {
  Start([](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/throw") throw std::bad_alloc();
    return PlainText(200, "fine");
  });
  Get(address_, "/throw");
  EXPECT_THAT(Get(address_, "/"), EndsWith("fine\n"));
}

TEST_F(HttpServerTest, SurvivesGarbage) {
  Start();
  TimeOfScrape();
  const long before = OpenDescriptors();
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): the same numbers each time
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string garbage(1 + random() % 2000, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    if (i % 3 == 0) garbage.insert(0, "GET ");
    if (i % 3 == 1) garbage.insert(0, "GET / HTTP/1.1\r\n");
    Exchange(address_, garbage + "\r\n\r\n");
  }
  EXPECT_LT(TimeOfScrape(), milliseconds(1000));
  ExpectNoDescriptorsLeftOver(before);
}

// Their connections are open already, and new ones come as the old ones are cut off.
TEST_F(HttpServerTest, ServesScrapesWhileAThousandClientsOfOneAddressNeverFinish) {
  Start();
  TimeOfScrape();
  const long before = OpenDescriptors();
  {
    std::vector<std::unique_ptr<Connection>> slow;
    for (int i = 0; i < 900; ++i) {
      slow.push_back(std::make_unique<Connection>(address_, "127.0.0.2"));
      ASSERT_TRUE(slow.back()->ok());
      if (i % 2 == 0) slow.back()->Send("GET /metrics HT");
    }
    for (int i = 0; i < 20; ++i) {
      EXPECT_LT(TimeOfScrape(), milliseconds(1000)) << i;
      for (int j = 0; j < 5; ++j) {
        slow[i * 5 + j] = std::make_unique<Connection>(address_, "127.0.0.2");
      }
    }
  }
  ExpectNoDescriptorsLeftOver(before);
}

TEST_F(HttpServerTest, OneMoreByteNowAndThenKeepsNobodyAlive) {
  Start();
  const Connection slow(address_);
  const auto begin = steady_clock::now();
  slow.Send("GET /metrics HT");
  while (slow.Send("x") && steady_clock::now() - begin < std::chrono::seconds(10)) {
    std::this_thread::sleep_for(milliseconds(200));
  }
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
}

// Each keeps an answer of the size that sockets do not take at once.
TEST_F(HttpServerTest, ServesScrapesWhileManyOfOneAddressTakeNoAnswer) {
  std::atomic<int> pages = 0;
  Start([&](const HttpRequest& request) {
    if (request.path != "/huge") return PlainText(200, "fine");
    HttpResponse response;
    response.body.assign(size_t{16} << 20, 'x');
    ++pages;
    response.lease = std::shared_ptr<void>(
        &pages, [](void* count) { --*static_cast<std::atomic<int>*>(count); });
    return response;
  });
  std::vector<std::unique_ptr<Connection>> readers;
  for (int i = 0; i < 40; ++i) {
    readers.push_back(std::make_unique<Connection>(address_, "127.0.0.2"));
    readers.back()->Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_TRUE(Eventually([&] { return pages > 16; }));
  EXPECT_LT(TimeOfScrape(), milliseconds(1000));
  // After a second only as many are left as one address may have
  EXPECT_TRUE(Eventually([&] { return pages <= 16; }));
  EXPECT_LT(TimeOfScrape(), milliseconds(1000));
  // And none when their time is over
  EXPECT_TRUE(Eventually([&] { return pages == 0; }));
  server_->Stop();
}

TEST_F(HttpServerTest, CutsOffThoseWhoDoNotReadTheAnswer) {
  std::atomic<int> unsent = 0;
  Start([&](const HttpRequest& request) {
    if (request.path != "/huge") return PlainText(200, "fine");
    HttpResponse response;
    response.body.assign(size_t{16} << 20, 'x');
    ++unsent;
    response.lease = std::shared_ptr<void>(
        &unsent, [](void* count) { --*static_cast<std::atomic<int>*>(count); });
    return response;
  });
  const Connection reader(address_);
  ASSERT_TRUE(reader.Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(Eventually([&] { return unsent == 1; }));
  EXPECT_LT(TimeOfScrape(), milliseconds(1000));
  EXPECT_TRUE(Eventually([&] { return unsent == 0; }));
  server_->Stop();
}

TEST_F(HttpServerTest, ServesManyScrapersAtOnce) {
  Start();
  TimeOfScrape();
  const long before = OpenDescriptors();
  std::atomic<int> answered = 0;
  std::vector<std::thread> scrapers;
  scrapers.reserve(60);
  for (int i = 0; i < 60; ++i) {
    scrapers.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        if (Get(address_, "/metrics").starts_with("HTTP/1.1 200 ")) ++answered;
      }
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(answered, 300);
  ExpectNoDescriptorsLeftOver(before);
}

}  // namespace
}  // namespace cnproc
