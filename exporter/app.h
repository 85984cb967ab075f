// SPDX-License-Identifier: Apache-2.0
// The running exporter: a source, the pipeline and the web server put together.
#ifndef CNPROC_EXPORTER_APP_H_
#define CNPROC_EXPORTER_APP_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram_source.h"
#include "collectors/kernel/netlink_socket.h"
#include "collectors/pipeline/pipeline.h"
#include "collectors/who/settings.h"
#include "exporter/options.h"
#include "exporter/web/guard.h"
#include "exporter/web/http_server.h"
#include "exporter/web/routes.h"

namespace cnproc {

// Block SIGTERM, SIGINT and SIGHUP before: the threads inherit the mask.
class App final : private MetricsSource {
 public:
  App(const Options& options, const Settings& settings, PipelineInputs inputs,
      std::unique_ptr<Guard> guard);
  ~App() override;

  // InvalidArgument for an address that is none; any other error is the machine's.
  absl::Status Start();
  void Stop();
  // Reads both configuration files again. One that is bad is refused, and the old one stays in
  // force.
  void Reload();
  // Whether the collector thread runs: for the service manager's watchdog.
  bool MakesProgress() const { return pipeline_.MakesProgress(); }

 private:
  void Gather(const CollectorFilter& filter, Families& families) override;
  absl::Status Ready() override;
  std::vector<CollectorState> Collectors() override;

  absl::Status ReloadSettings();
  void CollectReload(Families& families) const;

  const Options options_;
  std::atomic<bool> settings_reloaded_{true};
  std::atomic<double> reload_success_seconds_;  // Unix time
  Pipeline pipeline_;
  const Routes routes_;
  const std::unique_ptr<Guard> guard_;
  HttpServer server_;
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_APP_H_
