// SPDX-License-Identifier: Apache-2.0
// The HTML pages. They load nothing from another host and run under a strict
// Content-Security-Policy, so style and script stand in files of their own (assets/). Every link is
// relative: the pages work behind a proxy that serves them under a prefix.
#ifndef CNPROC_EXPORTER_WEB_PAGES_H_
#define CNPROC_EXPORTER_WEB_PAGES_H_

#include <string>
#include <string_view>
#include <vector>

#include "exporter/web/routes.h"

namespace cnproc {

// The text with everything replaced that HTML gives a meaning to, in content and in attributes.
std::string HtmlEscape(std::string_view text);

std::string LandingPage(const RoutesOptions& options, const std::vector<CollectorState>& collectors,
                        const absl::Status& ready);

// The lists of the embedded dashboards and rules, for /dashboards/ and /rules/.
std::string DashboardsPage();
std::string RulesPage();

// Draws in the browser what it reads from the metrics page.
std::string LivePage(const RoutesOptions& options);

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_WEB_PAGES_H_
