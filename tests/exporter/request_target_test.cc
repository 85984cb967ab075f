// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/request_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cnproc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ParseTarget, DecodesPathAndQuery) {
  HttpRequest request;
  ASSERT_TRUE(
      ParseTarget("/a%20b/%2e%2E", "collect%5B%5D=pro%63esses&collect[]=a+b&&c&d==e", request)
          .ok());
  EXPECT_EQ(request.path, "/a b/..");
  EXPECT_THAT(request.query, ElementsAre(Pair("collect[]", "processes"), Pair("collect[]", "a b"),
                                         Pair("c", ""), Pair("d", "=e")));
}

TEST(ParseTarget, ReplacesTheQueryOfBefore) {
  HttpRequest request;
  request.query = {{"old", "1"}};
  ASSERT_TRUE(ParseTarget("/", "", request).ok());
  EXPECT_THAT(request.query, IsEmpty());
}

TEST(ParseTarget, RefusesWhatIsMalformed) {
  HttpRequest request;
  for (const char* path :
       {"", "x", "*", "http://x/", "/%", "/%4", "/%zz", "/%00", "/%0a", "/a\x7f"}) {
    EXPECT_FALSE(ParseTarget(path, "", request).ok()) << path;
  }
  for (const char* query : {"%", "a=%", "a=%1", "a=%g0", "a=%00", "%0d=1", "a=1&b=%"}) {
    EXPECT_FALSE(ParseTarget("/", query, request).ok()) << query;
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
