// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/gzip.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/exporter/gunzip.h"

namespace cnproc {
namespace {

TEST(Gzip, UnpacksToThePage) {
  std::string page;
  for (int i = 0; i < 5000; ++i) {
    page += "cnproc_forks_total{kind=\"process\"} " + std::to_string(i) + "\n";
  }
  const auto packed = Gzip(page);

  ASSERT_TRUE(packed.has_value());
  EXPECT_LT(packed->size(), page.size() / 5);
  EXPECT_EQ(Gunzip(*packed), page);
}

TEST(Gzip, ManagesWhatDoesNotShrink) {
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): the same numbers each time
  std::mt19937 random(1);
  std::string noise(100000, '\0');
  for (char& c : noise) c = static_cast<char>(random());

  const auto packed = Gzip(noise);
  ASSERT_TRUE(packed.has_value());
  EXPECT_EQ(Gunzip(*packed), noise);
}

}  // namespace
}  // namespace cnproc
