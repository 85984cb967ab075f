// SPDX-License-Identifier: Apache-2.0
#include "exporter/web/pages.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <utility>

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
<link rel="stylesheet" href="@ROOT@assets/style.css">
</head>
<body>
)";
// root: the way from the page to the start page, "./" or "../".
std::string Head(std::string_view title, std::string_view root) {
  return absl::StrReplaceAll(
      absl::string_view(kHead.data(), kHead.size()),
      {{"@TITLE@", HtmlEscape(title)}, {"@ROOT@", absl::string_view(root.data(), root.size())}});
}

// A path of this server, which begins with /, as the start page and the live view link to it.
std::string FromRoot(std::string_view path) { return absl::StrCat(".", std::string(path)); }

// "HOST: cnproc_exporter"
std::string Title(const RoutesOptions& options) {
  return options.hostname.empty() ? "cnproc_exporter"
                                  : absl::StrCat(options.hostname, ": cnproc_exporter");
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

// A page in a folder of its own, beside the files that it lists. `how` is HTML.
std::string ListPage(std::string_view title, std::string_view how,
                     std::span<const EmbeddedFile> files) {
  std::string page =
      absl::StrCat(Head(absl::StrCat("cnproc_exporter: ", std::string(title)), "../"),
                   "<header><h1>", HtmlEscape(title), "</h1>\n<p class=\"soft\">", std::string(how),
                   " ", Link("../", "Back"), "</p></header>\n<main><nav class=\"card\"><ul>\n");
  for (const EmbeddedFile& file : files) {
    absl::StrAppend(&page, "<li>",
                    Link(FromRoot(absl::StrCat("/", std::string(file.name))), file.name),
                    "</li>\n");
  }
  return absl::StrCat(page, "</ul></nav></main>\n", std::string(kFoot));
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
  std::string page = Head(Title(options), "./");
  absl::StrAppend(&page, "<header>\n<h1>", HtmlEscape(Title(options)),
                  "</h1>\n"
                  "<p class=\"soft\">Every fork, exec, exit and core dump of this machine, counted "
                  "from the kernel&#39;s process connector.</p>\n<p class=\"soft\">Version ",
                  HtmlEscape(options.version));
  if (!options.revision.empty()) {
    absl::StrAppend(&page, ", revision ", HtmlEscape(options.revision));
  }
  absl::StrAppend(&page,
                  "</p>\n</header>\n<main>\n<nav class=\"card\" aria-label=\"Pages\"><ul>\n<li>",
                  Link(FromRoot(options.telemetry_path), "Metrics"));
  for (const auto& [path, text] :
       {std::pair("/live", "Live"), std::pair("/dashboards/", "Dashboards"),
        std::pair("/rules/", "Rules"), std::pair("/-/healthy", "Health"),
        std::pair("/-/ready", "Readiness")}) {
    absl::StrAppend(&page, "</li>\n<li>", Link(FromRoot(path), text));
  }
  absl::StrAppend(&page, "</li>\n</ul></nav>\n");
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
  return ListPage("Dashboards", "For Grafana: Dashboards, New, Import.", EmbeddedDashboards());
}

std::string RulesPage() {
  return ListPage("Rules",
                  "For Prometheus, to be named in rule_files. They are written for the job "
                  "<code>cnproc</code>; <code>?job=NAME</code> behind the address of one writes it "
                  "for another.",
                  EmbeddedRules());
}

std::string LivePage(const RoutesOptions& options) {
  for (const EmbeddedFile& file : EmbeddedAssets()) {
    if (file.name != "live.html") continue;
    return absl::StrReplaceAll(absl::string_view(file.content.data(), file.content.size()),
                               {{"@METRICS@", HtmlEscape(FromRoot(options.telemetry_path))},
                                {"@HOST@", HtmlEscape(options.hostname)}});
  }
  return "";
}

}  // namespace cnproc
