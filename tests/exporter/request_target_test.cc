// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/request_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cnproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ParseTarget, DecodesPathAndQuery) {
  HttpRequest request;
  ASSERT_TRUE(
      ParseTarget("/a%20b/%2e%2E?collect%5B%5D=pro%63esses&collect[]=a+b&&c&d==e", request).ok());
  EXPECT_EQ(request.path, "/a b/..");
  EXPECT_THAT(request.query, ElementsAre(Pair("collect[]", "processes"), Pair("collect[]", "a b"),
                                         Pair("c", ""), Pair("d", "=e")));
}

TEST(ParseTarget, ReplacesTheQueryOfBefore) {
  HttpRequest request;
  request.query = {{"old", "1"}};
  ASSERT_TRUE(ParseTarget("/", request).ok());
  EXPECT_THAT(request.query, IsEmpty());
}

// RFC 9112, 3.2.2: a proxy is asked for these, and some hand them on.
TEST(ParseTarget, TakesAnAbsoluteUriOfWhateverHost) {
  for (const char* prefix :
       {"http://x", "HTTP://x:10119", "https://user@[::1]:80", "http://a.b.c."}) {
    HttpRequest request;
    ASSERT_TRUE(ParseTarget(std::string(prefix) + "/a%20b?c=d", request).ok()) << prefix;
    EXPECT_EQ(request.path, "/a b") << prefix;
    EXPECT_THAT(request.query, ElementsAre(Pair("c", "d"))) << prefix;
    ASSERT_TRUE(ParseTarget(prefix, request).ok()) << prefix;
    EXPECT_EQ(request.path, "/") << prefix;
    EXPECT_THAT(request.query, IsEmpty()) << prefix;
    ASSERT_TRUE(ParseTarget(std::string(prefix) + "?c=/d", request).ok()) << prefix;
    EXPECT_EQ(request.path, "/") << prefix;
    EXPECT_THAT(request.query, ElementsAre(Pair("c", "/d"))) << prefix;
  }
}

TEST(ParseTarget, TakesTheAsterisk) {
  HttpRequest request;
  ASSERT_TRUE(ParseTarget("*", request).ok());
  EXPECT_EQ(request.path, "*");
}

TEST(ParseTarget, RefusesWhatIsMalformed) {
  HttpRequest request;
  for (const char* target :
       {"",          "x",         "**",       "*?",           "?a=b", "http:/x/", "http://",
        "http:///x", "http://?x", "ftp://x/", "host:80",      "/%",   "/%4",      "/%zz",
        "/%00",      "/%0a",      "/a\x7f",   "http://x/%00", "/?%",  "/?a=%",    "/?a=%1",
        "/?a=%g0",   "/?a=%00",   "/?%0d=1",  "/?a=1&b=%"}) {
    EXPECT_FALSE(ParseTarget(target, request).ok()) << target;
  }
}

TEST(HttpRequestHeader, IgnoresCaseAndJoins) {
  HttpRequest request;
  request.headers = {{"accept", "a/b"}, {"Host", "h"}, {"ACCEPT", "c/d"}};
  EXPECT_EQ(request.Header("Accept"), "a/b, c/d");
  EXPECT_EQ(request.Header("Accept-Encoding"), "");
}

}  // namespace
}  // namespace cnproc
