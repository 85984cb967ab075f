// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace cnproc {
namespace {

using ::testing::HasSubstr;
using Family = ListenAddress::Family;

TEST(LocalUrl, IsWhatABrowserOpens) {
  EXPECT_EQ(LocalUrl(":10119", false), "http://localhost:10119/");
  EXPECT_EQ(LocalUrl("0.0.0.0:80", false), "http://localhost:80/");
  EXPECT_EQ(LocalUrl("[::]:80", true), "https://localhost:80/");
  EXPECT_EQ(LocalUrl("192.0.2.1:443", true), "https://192.0.2.1:443/");
  EXPECT_EQ(LocalUrl("[::1]:9", false), "http://[::1]:9/");
}

TEST(ParseListenAddress, UnderstandsBothFamilies) {
  const auto any = ParseListenAddress(":10119");
  ASSERT_TRUE(any.ok());
  EXPECT_EQ(any->family, Family::kBoth);
  EXPECT_EQ(any->port, 10119);
  EXPECT_EQ(any->WithPort(any->port), ":10119");

  const auto ipv4 = ParseListenAddress("127.0.0.1:80");
  ASSERT_TRUE(ipv4.ok());
  EXPECT_EQ(ipv4->family, Family::kIpv4);
  EXPECT_EQ(ipv4->WithPort(81), "127.0.0.1:81");

  const auto ipv6 = ParseListenAddress("[::1]:0");
  ASSERT_TRUE(ipv6.ok());
  EXPECT_EQ(ipv6->family, Family::kIpv6);
  EXPECT_EQ(ipv6->WithPort(9), "[::1]:9");
}

TEST(ParseListenAddress, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* why;
  } cases[] = {{"", "no port"},
               {"10119", "no port"},
               {":", "no number"},
               {":x", "no number"},
               {":65536", "no number"},
               {":-1", "no number"},
               {":80 ", "no number"},
               {"::1:80", "in brackets"},
               {"[::1:80", "in brackets"},
               {"[1.2.3.4]:80", "unknown"},
               {"[zz]:80", "unknown"}};
  for (const auto& [text, why] : cases) {
    const auto address = ParseListenAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_THAT(std::string(address.status().message()), HasSubstr(why)) << text;
  }
}

TEST(ProbeListenAddresses, NamesTheAddressThatIsGivenTwice) {
  const auto first = ParseListenAddress("127.9.9.9:20119");
  ASSERT_TRUE(first.ok());

  const absl::Status status = ProbeListenAddresses({*first, *first});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.9.9.9:20119: Address already in use"));
}

TEST(ProbeListenAddresses, NamesTheAddressThatTheMachineDoesNotHave) {
  const auto foreign = ParseListenAddress("192.0.2.1:20119");  // TEST-NET-1, RFC 5737
  ASSERT_TRUE(foreign.ok());

  const absl::Status status = ProbeListenAddresses({*foreign});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("no interface of this machine"));
}

}  // namespace
}  // namespace cnproc
