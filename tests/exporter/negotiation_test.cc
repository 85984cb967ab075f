// SPDX-License-Identifier: Apache-2.0
#include "exporter/exposition/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace cnproc {
namespace {

struct AcceptCase {
  const char* accept;
  Format format;
};

class NegotiateFormatTest : public ::testing::TestWithParam<AcceptCase> {};

TEST_P(NegotiateFormatTest, PicksTheFormat) {
  EXPECT_EQ(NegotiateFormat(GetParam().accept), GetParam().format) << GetParam().accept;
}

constexpr const char* kPrometheus242 =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
constexpr const char* kPrometheus3Text =
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

constexpr const char* kPrometheusNative =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;"
    "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

INSTANTIATE_TEST_SUITE_P(
    Accept, NegotiateFormatTest,
    ::testing::Values(
        AcceptCase{"", Format::kText}, AcceptCase{"*/*", Format::kText},
        AcceptCase{"text/html,application/xhtml+xml;q=0.9", Format::kText},
        AcceptCase{kPrometheus242, Format::kOpenMetrics},
        AcceptCase{kPrometheus3Text, Format::kText},
        AcceptCase{"application/openmetrics-text", Format::kOpenMetrics},
        AcceptCase{"Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::kOpenMetrics},
        AcceptCase{"application/openmetrics-text;version=2.0.0", Format::kText},
        AcceptCase{"application/openmetrics-text;q=0.5, text/plain;q=0.4", Format::kOpenMetrics},
        AcceptCase{"application/openmetrics-text;q=0.4, text/plain;q=0.5", Format::kText},
        AcceptCase{"text/plain, application/openmetrics-text", Format::kText},
        AcceptCase{"application/openmetrics-text, text/plain", Format::kOpenMetrics},
        AcceptCase{"application/openmetrics-text;q=0", Format::kText},
        AcceptCase{"application/openmetrics-text;q=0, */*", Format::kText},
        AcceptCase{"text/plain;q=0, */*", Format::kOpenMetrics},
        AcceptCase{"application/*, text/*;q=0.9", Format::kOpenMetrics},
        AcceptCase{"*/*;q=0.9, application/openmetrics-text;q=0.9", Format::kOpenMetrics},
        AcceptCase{"application/openmetrics-text;q=2", Format::kText},
        AcceptCase{"application/openmetrics-text;q=x, text/plain;q=0.1", Format::kText},
        AcceptCase{"application/openmetrics-text;q=nan", Format::kText},
        AcceptCase{kPrometheusNative, Format::kProtobuf},
        AcceptCase{"application/vnd.google.protobuf", Format::kText},
        AcceptCase{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                   "encoding=text",
                   Format::kText},
        AcceptCase{"text/plain;q=0.3,application/vnd.google.protobuf;proto=\"io.prometheus.client."
                   "MetricFamily\"; encoding=delimited;q=0.2",
                   Format::kText},
        AcceptCase{"a/b;x=\"text/plain,\", application/openmetrics-text", Format::kOpenMetrics},
        AcceptCase{",;,=;q,\"", Format::kText}));

struct EncodingCase {
  const char* accept_encoding;
  bool gzip;
};

class AcceptsGzipTest : public ::testing::TestWithParam<EncodingCase> {};

TEST_P(AcceptsGzipTest, Decides) {
  EXPECT_EQ(AcceptsGzip(GetParam().accept_encoding), GetParam().gzip) << GetParam().accept_encoding;
}

INSTANTIATE_TEST_SUITE_P(
    AcceptEncoding, AcceptsGzipTest,
    ::testing::Values(EncodingCase{"", false}, EncodingCase{"gzip", true},
                      EncodingCase{"GZIP", true}, EncodingCase{"deflate, br", false},
                      EncodingCase{"deflate, gzip;q=0.1", true}, EncodingCase{"gzip;q=0", false},
                      EncodingCase{"gzip; q=0.000", false}, EncodingCase{"*", true},
                      EncodingCase{"*;q=0", false}, EncodingCase{"gzip;q=0, *", false},
                      EncodingCase{"*;q=0, gzip", true}, EncodingCase{"x-gzip", true},
                      EncodingCase{"identity, gzip;q=0.5", false},
                      EncodingCase{"identity;q=0.5, gzip", true}, EncodingCase{"gzipped", false}));

TEST(ContentType, IsWhatPrometheusWrites) {
  EXPECT_EQ(ContentType(Format::kText), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(ContentType(Format::kOpenMetrics),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(ContentType(Format::kProtobuf),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited");
}

}  // namespace
}  // namespace cnproc
