// SPDX-License-Identifier: Apache-2.0
// A checker that accepts everything proves nothing: each mistake that a page can make is refused.
#include "tests/e2e/harness/page.h"

#include <gtest/gtest.h>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

const std::string kHead = "# HELP a_total Help.\n# TYPE a_total counter\n";
const std::string kHistogramHead = "# HELP h Help.\n# TYPE h histogram\n";

TEST(ParsePage, ReadsWhatIsThere) {
  const Page page = Page::Parse(kHead + "a_total{x=\"q\\\"\\\\\\n\"} 3\na_total{x=\"r\"} 1e+06\n" +
                                kHistogramHead +
                                "h_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 7\n"
                                "h_count 2\n");
  EXPECT_EQ(page["a_total{x=\"q\\\"\\\\\\n\"}"], 3);
  EXPECT_EQ(page.Sum("a_total"), 1000003);
  EXPECT_EQ(page.Sum("a_total", "x", "r"), 1000000);
  EXPECT_EQ(page["h_count"], 2);
  EXPECT_THROW(page["a_total"], HarnessError);
}

TEST(ParsePage, ReadsOpenMetrics) {
  const Page page = Page::Parse(
      "# HELP a Help.\n# TYPE a counter\na_total 3 # {pid=\"7\"} 1 1700000000.5\na_created 1\n"
      "# EOF\n",
      Format::kOpenMetrics);
  EXPECT_EQ(page["a_total"], 3);
}

class Refused : public testing::TestWithParam<std::string> {};

TEST_P(Refused, Text) { EXPECT_THROW(Page::Parse(GetParam()), HarnessError); }

INSTANTIATE_TEST_SUITE_P(
    Mistakes, Refused,
    testing::Values("", "a_total 1\n", kHead + "a_total 1", kHead + "a_total\n",
                    kHead + "a_total 1 2\n", kHead + "a_total one\n", kHead + "a_total -1\n",
                    kHead + "a_total NaN\n", kHead + "a_total inf\n", kHead + "b_total 1\n",
                    kHead + "a_total 1\na_total 2\n", kHead + "a_total{x=\"1\",x=\"2\"} 1\n",
                    kHead + "a_total{x=\"1} 1\n", kHead + "a_total{x=\"\\q\"} 1\n",
                    kHead + "a_total{x=\"\x01\"} 1\n", kHead + "a_total{x=\"\xff\"} 1\n",
                    kHead + "a_total{x=\"\xc0\x80\"} 1\n", kHead + "a_total{x:y=\"1\"} 1\n",
                    kHead + "a_total{x=\"2\"} 1\na_total{x=\"1\"} 1\n", kHead + "\na_total 1\n",
                    kHead + "a_total 1\n# EOF\n", kHead + "a_total 1 # {} 1 1\n", kHead + kHead,
                    "# HELP a_total\n# TYPE a_total counter\n",
                    "# TYPE a_total counter\na_total 1\n", "# HELP a_total Help.\na_total 1\n",
                    "# HELP a Help.\n# TYPE a counter\na 1\n",
                    "# HELP a_total Help.\n# TYPE a_total gauge\na_total 1\n",
                    "# HELP a Help.\n# TYPE a gouge\na 1\n",
                    "# HELP b Help.\n# TYPE b gauge\nb 1\n# HELP a Help.\n# TYPE a gauge\na 1\n",
                    kHistogramHead + "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\n"
                                     "h_count 1\n",
                    kHistogramHead + "h_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\n"
                                     "h_count 1\n",
                    kHistogramHead + "h_bucket{le=\"2.0\"} 1\nh_bucket{le=\"1.0\"} 1\n"
                                     "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
                    kHistogramHead + "h_bucket{le=\"1.0\"} 1\nh_sum 1\nh_count 1\n",
                    kHistogramHead + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
                    kHistogramHead + "h_bucket{le=\"+Inf\"} 1\nh_count 1\n",
                    kHistogramHead + "h_bucket 1\n"));

TEST(ParsePage, RefusesOpenMetricsWithoutItsEndOrWithTotalInTheFamily) {
  const std::string family = "# HELP a Help.\n# TYPE a counter\na_total 3\n";
  EXPECT_THROW(Page::Parse(family, Format::kOpenMetrics), HarnessError);
  EXPECT_THROW(Page::Parse(family + "# EOF\n" + family, Format::kOpenMetrics), HarnessError);
  EXPECT_THROW(Page::Parse(kHead + "a_total 3\n# EOF\n", Format::kOpenMetrics), HarnessError);
  EXPECT_THROW(Page::Parse("# HELP a Help.\n# TYPE a counter\na_total 3 # {x=\"" +
                               std::string(128, 'y') + "\"} 1 1\n# EOF\n",
                           Format::kOpenMetrics),
               HarnessError);
}

TEST(ParsePage, RefusesAUnitThatIsNotTheNames) {
  const std::string head = "# HELP a_seconds Help.\n# TYPE a_seconds gauge\n";
  EXPECT_EQ(Page::Parse(head + "# UNIT a_seconds seconds\na_seconds 1\n# EOF\n",
                        Format::kOpenMetrics)["a_seconds"],
            1);
  for (const char* line : {"# UNIT a_seconds bytes\n", "# UNIT b_seconds seconds\n"}) {
    EXPECT_THROW(Page::Parse(head + line + "a_seconds 1\n# EOF\n", Format::kOpenMetrics),
                 HarnessError)
        << line;
  }
}

TEST(Differences, CountFromZeroWhatWasNotThere) {
  const Page before = Page::Parse(kHead + "a_total{x=\"1\"} 5\n");
  const Page after = Page::Parse(kHead + "a_total{x=\"1\"} 7\na_total{x=\"2\"} 3\n");
  const Delta delta(before, after);
  EXPECT_EQ(delta["a_total{x=\"1\"}"], 2);
  EXPECT_EQ(delta["a_total{x=\"2\"}"], 3);
  EXPECT_EQ(delta.Sum("a_total"), 5);
  EXPECT_THROW(delta["a_total{x=\"3\"}"], HarnessError);
}

}  // namespace
}  // namespace cnproc::e2e
