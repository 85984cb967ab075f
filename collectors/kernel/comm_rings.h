// SPDX-License-Identifier: Apache-2.0
// The name of every program at the moment of its exec, from the kernel itself: /proc can only be
// asked later, when the process may be gone, another program, or called otherwise.
//
// A software event that counts nothing (PERF_COUNT_SW_DUMMY) makes the kernel write a
// PERF_RECORD_COMM to a ring in shared memory for every exec on its CPU: perf_event_open(2). It
// costs the exec no measurable time, and no file descriptor stays open: the mapping keeps the
// event.
#ifndef CNPROC_COLLECTORS_KERNEL_COMM_RINGS_H_
#define CNPROC_COLLECTORS_KERNEL_COMM_RINGS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collectors/kernel/datagram.h"

namespace cnproc {

// The text of /sys/devices/system/cpu/online, as "0-3,8": absent if it is none.
std::optional<std::vector<uint32_t>> ParseCpuList(std::string_view text);

// How many bytes the ring of each of `cpus` CPUs gets: a power of two times `page_bytes`, all
// together at most 8 MiB unless that is less than a page each. A record has 40 bytes at most.
size_t CommRingBytes(size_t cpus, size_t page_bytes);

// What perf_event_open(2) refused with this error means, and what to do. `paranoid` is the sysctl
// kernel.perf_event_paranoid, where it could be read.
absl::Status AdviseOnPerfEvent(int error, std::optional<int> paranoid, bool has_perfmon,
                               bool has_sys_admin);

// One CPU's event and its ring. Owns the mapping.
class CommRing {
 public:
  // `bytes` of records: less is taken where the kernel lets no more be locked.
  static absl::StatusOr<CommRing> Open(uint32_t cpu, size_t bytes);
  ~CommRing();
  CommRing(CommRing&& other) noexcept;
  CommRing& operator=(CommRing&& other) noexcept;

  // Takes out what the ring holds: see AppendCommMessages.
  void Read(uint32_t cpu, std::vector<std::byte>& bytes, std::vector<size_t>& ends);
  size_t bytes() const { return data_bytes_; }

 private:
  CommRing(void* mapping, size_t data_bytes) : mapping_(mapping), data_bytes_(data_bytes) {}

  void* mapping_;
  size_t data_bytes_;
};

// A ring for every CPU that is online. Not thread safe, but for being moved to another thread.
class CommRings {
 public:
  // Needs CAP_PERFMON (before Linux 5.8 CAP_SYS_ADMIN) unless kernel.perf_event_paranoid is 0 or
  // less. Debian's and Ubuntu's kernels refuse at 3 and 4 whoever lacks CAP_SYS_ADMIN. Only the
  // opening asks for it. Errors: kPermissionDenied says what is missing, kUnimplemented for a
  // kernel without perf events.
  static absl::StatusOr<CommRings> Open();

  // Takes out what all rings hold: datagrams as comm_message.h describes them, in order for each
  // CPU. Never blocks; bounded by the rings' size. Valid until the next call.
  std::span<const Datagram> Read(int64_t now_ns);

  // A CPU that goes offline takes its event along, and one that comes has none: call it now and
  // then. An error leaves the rings as they are, and is not repeated until CPUs change again.
  absl::Status FollowCpus();

  size_t size() const { return rings_.size(); }
  // Of the memory that is mapped, without the page that goes with each ring.
  size_t bytes() const;

 private:
  CommRings() = default;
  absl::Status OpenRings(const std::vector<uint32_t>& cpus, bool renew);

  absl::flat_hash_map<uint32_t, CommRing> rings_;  // by CPU
  std::string online_;                             // as last read
  int64_t suspended_ns_ = 0;                       // how long the machine had slept by then
  std::vector<std::byte> bytes_;
  std::vector<size_t> ends_;
  std::vector<Datagram> datagrams_;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_KERNEL_COMM_RINGS_H_
