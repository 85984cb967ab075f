// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/number.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace cnproc {
namespace {

std::string Number(double value) { return std::string(FormatNumber(value)); }

std::string Bound(double value) { return std::string(FormatBucketBound(value)); }

TEST(FormatNumber, WritesTheShortestForm) {
  EXPECT_EQ(Number(0), "0");
  EXPECT_EQ(Number(-0.0), "-0");
  EXPECT_EQ(Number(99999), "99999");
  EXPECT_EQ(Number(123456), "123456");
  EXPECT_EQ(Number(1000000), "1e+06");
  EXPECT_EQ(Number(0.1), "0.1");
  EXPECT_EQ(Number(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(Number(9007199254740993.0), "9007199254740992");
  EXPECT_EQ(Number(5e-324), "5e-324");
}

TEST(FormatNumber, NamesWhatIsNotFinite) {
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(Number(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(Number(std::nan("")), "NaN");
}

TEST(FormatNumber, ReadsBackAsTheSameDouble) {
  // NOLINTNEXTLINE(cert-msc32-c,cert-msc51-cpp): the same numbers each time
  std::mt19937_64 random(42);
  for (int i = 0; i < 100000; ++i) {
    const auto value = std::bit_cast<double>(static_cast<uint64_t>(random()));
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(std::strtod(Number(value).c_str(), nullptr), value);
    ASSERT_EQ(std::strtod(Bound(value).c_str(), nullptr), value);
  }
}

// The list of OpenMetrics 1.0, "Considerations: Canonical Numbers", and the contract's bounds.
TEST(FormatBucketBound, WritesCanonicalFloats) {
  EXPECT_EQ(Bound(0), "0.0");
  EXPECT_EQ(Bound(1e-10), "1e-10");
  EXPECT_EQ(Bound(1e-05), "1e-05");
  EXPECT_EQ(Bound(0.0001), "0.0001");
  EXPECT_EQ(Bound(0.1), "0.1");
  EXPECT_EQ(Bound(1), "1.0");
  EXPECT_EQ(Bound(100000), "100000.0");
  EXPECT_EQ(Bound(1e6), "1e+06");
  EXPECT_EQ(Bound(1e10), "1e+10");
  EXPECT_EQ(Bound(30000), "30000.0");
  EXPECT_EQ(Bound(68719476736), "6.8719476736e+10");
  EXPECT_EQ(Bound(-2.5), "-2.5");
  EXPECT_EQ(Bound(std::numeric_limits<double>::infinity()), "+Inf");
}

}  // namespace
}  // namespace cnproc
