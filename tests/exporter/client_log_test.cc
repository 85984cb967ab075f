// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/client_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "collectors/base/time.h"

namespace cnproc {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ClientLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  ClientLog log_{[this](std::string_view what, std::string_view client, std::string_view reason,
                        uint64_t times) {
    lines_.push_back(std::string(what) + "|" + std::string(client) + "|" + std::string(reason) +
                     "|" + std::to_string(times));
  }};
};

TEST_F(ClientLogTest, TellsOfAnAddressOnceAMinuteAndHowOften) {
  for (int64_t second = 0; second < 61; ++second) {
    log_.Say("refused", "10.0.0.1", second == 0 ? "first" : "later", 1 + second * kNsPerSecond);
  }
  EXPECT_THAT(lines_, ElementsAre("refused|10.0.0.1|first|1", "refused|10.0.0.1|later|60"));
}

TEST_F(ClientLogTest, AnotherAddressHasALineOfItsOwn) {
  log_.Say("refused", "10.0.0.1", "why", 1);
  log_.Say("refused", "10.0.0.2", "why", 2);
  EXPECT_THAT(lines_, ElementsAre("refused|10.0.0.1|why|1", "refused|10.0.0.2|why|1"));
}

TEST_F(ClientLogTest, AFloodOfAddressesIsTenLinesAMinute) {
  for (int i = 0; i < 10'000; ++i) log_.Say("refused", "host " + std::to_string(i), "why", 1 + i);
  EXPECT_THAT(lines_, SizeIs(10));
  log_.Say("refused", "another", "why", 1 + 61 * kNsPerSecond);
  EXPECT_THAT(lines_, SizeIs(11)) << "it goes on in the next minute";
}

}  // namespace
}  // namespace cnproc
