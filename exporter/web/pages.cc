// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/pages.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include "exporter/web/embedded.h"

namespace cnproc {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/style.css">
</head>
<body>
)";
std::string Head(std::string_view title) {
  return absl::StrReplaceAll(absl::string_view(kHead.data(), kHead.size()),
                             {{"@TITLE@", HtmlEscape(title)}});
}

constexpr std::string_view kFoot = "</body>\n</html>\n";

std::string Link(std::string_view path, std::string_view text) {
  return absl::StrCat("<a href=\"", HtmlEscape(path), "\">", HtmlEscape(text), "</a>");
}

std::string CollectorRow(const CollectorState& collector) {
  std::string state = "<span class=\"soft\">off</span>";
  if (collector.enabled && collector.success) {
    state = "<span class=\"good\">works</span>";
  } else if (collector.enabled) {
    state = "<span class=\"bad\">fails</span>";
  }
  const std::string reason =
      collector.reason.empty()
          ? ""
          : absl::StrCat("<br><span class=\"", collector.enabled ? "bad" : "soft", "\">",
                         HtmlEscape(collector.reason), "</span>");
  return absl::StrCat("<tr><td><code>", HtmlEscape(collector.name), "</code></td><td>", state,
                      "</td><td>", HtmlEscape(collector.help), reason, "</td></tr>\n");
}

std::string FileLinks(std::string_view folder, std::span<const EmbeddedFile> files) {
  std::string items;
  for (const EmbeddedFile& file : files) {
    absl::StrAppend(&items, "<li>",
                    Link(absl::StrCat(std::string(folder), std::string(file.name)), file.name),
                    "</li>\n");
  }
  return items;
}

}  // namespace

std::string HtmlEscape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string LandingPage(const RoutesOptions& options, const std::vector<CollectorState>& collectors,
                        const absl::Status& ready) {
  std::string page = Head("cnproc_exporter");
  absl::StrAppend(&page,
                  "<header>\n<h1>cnproc_exporter</h1>\n"
                  "<p class=\"soft\">Every fork, exec, exit and core dump of this machine, counted "
                  "from the kernel&#39;s process connector.</p>\n<p class=\"soft\">Version ",
                  HtmlEscape(options.version));
  if (!options.revision.empty()) {
    absl::StrAppend(&page, ", revision ", HtmlEscape(options.revision));
  }
  absl::StrAppend(&page,
                  "</p>\n</header>\n<main>\n<nav class=\"card\" aria-label=\"Pages\"><ul>\n<li>",
                  Link(options.telemetry_path, "Metrics"), "</li>\n<li>", Link("/live", "Live"),
                  "</li>\n<li>", Link("/dashboards/", "Dashboards"), "</li>\n<li>",
                  Link("/-/healthy", "Health"), "</li>\n<li>", Link("/-/ready", "Readiness"),
                  "</li>\n", FileLinks("/rules/", EmbeddedRules()), "</ul></nav>\n");
  absl::StrAppend(&page, "<section class=\"card\"><h2>State</h2>\n<p>",
                  ready.ok() ? "<span class=\"good\">The kernel&#39;s events arrive.</span>"
                             : absl::StrCat("<span class=\"bad\">",
                                            HtmlEscape(std::string(ready.message())), "</span>"),
                  "</p>\n</section>\n<section class=\"card\"><h2>Collectors</h2>\n"
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Collectors\">"
                  "<table>\n<tr><th scope=\"col\">Name</th><th scope=\"col\">State</th>"
                  "<th scope=\"col\">What it counts</th></tr>\n");
  for (const CollectorState& collector : collectors) {
    absl::StrAppend(&page, CollectorRow(collector));
  }
  absl::StrAppend(&page, "</table></div>\n</section>\n</main>\n", std::string(kFoot));
  return page;
}

std::string DashboardsPage() {
  return absl::StrCat(
      Head("cnproc_exporter: dashboards"),
      "<header><h1>Dashboards</h1>\n<p class=\"soft\">For Grafana: Dashboards, New, "
      "Import. ",
      Link("/", "Back"), "</p></header>\n<main><nav class=\"card\"><ul>\n",
      FileLinks("/dashboards/", EmbeddedDashboards()), "</ul></nav></main>\n", std::string(kFoot));
}

std::string LivePage(const RoutesOptions& options) {
  for (const EmbeddedFile& file : EmbeddedAssets()) {
    if (file.name != "live.html") continue;
    return absl::StrReplaceAll(absl::string_view(file.content.data(), file.content.size()),
                               {{"@METRICS@", HtmlEscape(options.telemetry_path)}});
  }
  return "";
}

}  // namespace cnproc
