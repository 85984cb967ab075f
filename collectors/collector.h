// SPDX-License-Identifier: Apache-2.0
// What every collector is: it is notified of changes and hands out metric families.
#ifndef CNPROC_COLLECTORS_COLLECTOR_H_
#define CNPROC_COLLECTORS_COLLECTOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "collectors/cut.h"
#include "collectors/metrics/family.h"
#include "collectors/process/change.h"
#include "collectors/process/event.h"
#include "collectors/process/process_table.h"
#include "collectors/who/settings.h"

namespace cnproc {

class Identities;
class LabelValues;

// What a collector is made with; all of it outlives the collector but the settings.
struct CollectorContext {
  // Which program, unit, container and user each process belongs to.
  const Identities& identities;
  const Settings& settings;
  // Whether exit records and the kernel's log can be read, else why not.
  absl::Status exit_records;
  absl::Status kernel_log;
  absl::Status usage;    // whether living processes are sampled
  int64_t began_ns = 0;  // the events' clock where counting began
};

// All but the constructor is called with the pipeline's lock held: no system calls, no waiting.
class Collector {
 public:
  virtual ~Collector() = default;

  // Of which changes it is to be notified; asked once, when the ledger is made.
  virtual bool Wants(Change::Type /*type*/) const { return true; }
  virtual void OnChange(const Change& /*change*/) {}
  // A batch of events as they were decoded, before OnChange is called for any of them. `now_ns` is
  // the time at which it is applied (the events' clock).
  virtual void OnEvents(std::span<const Event> /*events*/, int64_t /*now_ns*/) {}
  // Life events with timestamps between these two were lost.
  virtual void OnLoss(int64_t /*from_ns*/, int64_t /*to_ns*/) {}
  // The pids controller refused forks of this value's processes.
  virtual void OnForkRefusals(Dimension /*dimension*/, ValueId /*value*/, uint64_t /*count*/) {}
  virtual void Configure(const Settings& /*settings*/) {}
  // Every event with a timestamp until then has been delivered or reported as lost.
  virtual void OnTime(int64_t /*until_ns*/) {}

  // Appends all families of this collector, each complete, whatever has happened so far.
  virtual void Collect(const Cut& cut, Families& families) const = 0;
  // The label whose values user space chooses, where there is one: bounded, and so it may be full.
  virtual const LabelValues* labels() const { return nullptr; }
  // Not OK where the collector was asked for and cannot work.
  virtual absl::Status Working() const { return absl::OkStatus(); }
};

// One line of the registry: flags, filters, landing page and success metric derive from it.
struct CollectorSpec {
  std::string_view name;
  std::string_view help;  // for --help and the landing page
  enum class Default : uint8_t { kAlways, kOn, kOff } enabled = Default::kOn;
  std::unique_ptr<Collector> (*create)(const CollectorContext& context) = nullptr;
  // Needs to see every process in /proc.
  bool reads_processes = false;
  // By what it divides its numbers: processes get values of it if any collector asks for them.
  std::optional<Dimension> dimension = std::nullopt;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_COLLECTOR_H_
