// SPDX-License-Identifier: Apache-2.0
#include "collectors/kernel/comm_rings.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "collectors/base/time.h"
#include "collectors/base/unique_fd.h"
#include "collectors/kernel/capability.h"
#include "collectors/kernel/comm_message.h"
#include "collectors/kernel/read_file.h"

namespace cnproc {
namespace {

// 3,276 execs of one CPU: more than the default receive buffer holds of two CPUs that do nothing
// else.
constexpr size_t kMostRingBytes = 128u << 10;
constexpr size_t kMostBytes = 8u << 20;
// More CPUs than any kernel is built for (CONFIG_NR_CPUS).
constexpr uint32_t kMaxCpus = 8192;
constexpr char kOnlineCpus[] = "/sys/devices/system/cpu/online";
constexpr char kParanoid[] = "/proc/sys/kernel/perf_event_paranoid";
// A pause of the machine that is worth opening the rings again.
constexpr int64_t kSuspendNs = kNsPerSecond / 2;

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

std::optional<int> Paranoid() {
  const absl::StatusOr<std::string> text = ReadWholeFile(kParanoid);
  int level = 0;
  return text.ok() && absl::SimpleAtoi(*text, &level) ? std::make_optional(level) : std::nullopt;
}

std::string OnlineCpus() {
  std::string text = ReadWholeFile(kOnlineCpus).value_or("");
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

// Where sysfs is not mounted.
std::vector<uint32_t> FirstCpus() {
  std::vector<uint32_t> cpus;
  for (int64_t cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); ++cpu) {
    cpus.push_back(static_cast<uint32_t>(cpu));
  }
  return cpus;
}

// Other CPUs than the boot one are taken down while the machine sleeps.
int64_t SuspendedNs() { return ClockNs(CLOCK_BOOTTIME) - MonotonicNs(); }

perf_event_attr CommEvent() {
  perf_event_attr event{};
  event.size = sizeof(event);
  event.type = PERF_TYPE_SOFTWARE;
  event.config = PERF_COUNT_SW_DUMMY;
  event.sample_type = PERF_SAMPLE_TIME;
  event.sample_id_all = 1;
  event.exclude_kernel = 1;
  event.exclude_hv = 1;
  event.comm = 1;
  event.comm_exec = 1;
  // Nobody waits for the ring to fill: it is read whenever EXEC events came.
  event.watermark = 1;
  event.wakeup_watermark = UINT32_MAX;
  // The clock of the connector's events.
  event.use_clockid = 1;
  event.clockid = CLOCK_MONOTONIC;
  return event;
}

UniqueFd OpenEvent(uint32_t cpu) {
  perf_event_attr event = CommEvent();
  return UniqueFd(
      static_cast<int>(syscall(SYS_perf_event_open, &event, /*pid=*/-1, static_cast<int>(cpu),
                               /*group_fd=*/-1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

std::optional<std::vector<uint32_t>> ParseCpuList(std::string_view text) {
  std::vector<uint32_t> cpus;
  while (!text.empty()) {
    std::string_view range = text.substr(0, text.find(','));
    text.remove_prefix(std::min(range.size() + 1, text.size()));
    uint32_t first = 0;
    const char* const end = range.data() + range.size();
    std::from_chars_result parsed = std::from_chars(range.data(), end, first);
    uint32_t last = first;
    if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-') {
      parsed = std::from_chars(parsed.ptr + 1, end, last);
    }
    if (parsed.ec != std::errc() || parsed.ptr != end || last < first || last >= kMaxCpus) {
      return std::nullopt;
    }
    for (uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (cpus.size() > kMaxCpus) return std::nullopt;
  }
  if (cpus.empty()) return std::nullopt;
  return cpus;
}

size_t CommRingBytes(size_t cpus, size_t page_bytes) {
  const size_t each = std::min(kMostRingBytes, kMostBytes / std::max<size_t>(cpus, 1));
  return page_bytes * std::bit_floor(std::max<size_t>(each / page_bytes, 1));
}

absl::Status AdviseOnPerfEvent(int error, std::optional<int> paranoid, bool has_perfmon,
                               bool has_sys_admin) {
  constexpr int kMostWithPerfmon = 2;
  if (error == ENOSYS || error == ENOENT || error == EOPNOTSUPP) {
    return absl::UnimplementedError(
        "perf_event_open: this kernel has no perf events (CONFIG_PERF_EVENTS)");
  }
  if (error != EACCES && error != EPERM) {
    return absl::ErrnoToStatus(error, "cannot open the perf event that tells names of programs");
  }
  if (!has_sys_admin && paranoid.value_or(kMostWithPerfmon) > kMostWithPerfmon) {
    return absl::PermissionDeniedError(absl::StrCat(
        "perf_event_open was refused: kernel.perf_event_paranoid is ", *paranoid,
        ", where kernels of Debian and Ubuntu ask for CAP_SYS_ADMIN, which the exporter gives up "
        "once it is open (drop-in perf.conf); or set the sysctl to 2",
        has_perfmon ? "" : " and grant CAP_PERFMON"));
  }
  if (!has_sys_admin && !has_perfmon) {
    return absl::PermissionDeniedError(
        "perf_event_open was refused: it needs CAP_PERFMON, before Linux 5.8 CAP_SYS_ADMIN; grant "
        "it");
  }
  return absl::PermissionDeniedError(
      "perf_event_open was refused in spite of its capability: let the seccomp filter (of the "
      "container's engine, SystemCallFilter of systemd) or the security module allow it; before "
      "Linux 5.8 grant CAP_SYS_ADMIN");
}

absl::StatusOr<CommRing> CommRing::Open(uint32_t cpu, size_t bytes) {
  const UniqueFd event = OpenEvent(cpu);
  if (!event) {
    const int error = errno;  // as it was before the sysctl is read
    return error == ENODEV ? absl::NotFoundError(absl::StrCat("CPU ", cpu, " is offline"))
                           : AdviseOnPerfEvent(error, Paranoid(), HasCapability(kCapPerfmon),
                                               HasCapability(kCapSysAdmin));
  }
  // All rings of a user share what perf_event_mlock_kb lets him lock for each CPU, and other
  // programs may have taken of it.
  const size_t page_bytes = PageBytes();
  void* mapping = MAP_FAILED;
  for (; bytes >= page_bytes; bytes /= 2) {
    mapping = mmap(nullptr, page_bytes + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, event.get(), 0);
    if (mapping != MAP_FAILED || (errno != EPERM && errno != ENOMEM)) break;
  }
  if (mapping != MAP_FAILED) return CommRing(mapping, bytes);
  return absl::ErrnoToStatus(
      errno, absl::StrCat("cannot map perf's ring of CPU ", cpu,
                          ": raise the sysctl kernel.perf_event_mlock_kb or the limit of locked "
                          "memory (LimitMEMLOCK)"));
}

CommRing::~CommRing() {
  if (mapping_ != nullptr) munmap(mapping_, PageBytes() + data_bytes_);
}

CommRing::CommRing(CommRing&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)), data_bytes_(other.data_bytes_) {}

CommRing& CommRing::operator=(CommRing&& other) noexcept {
  std::swap(mapping_, other.mapping_);
  std::swap(data_bytes_, other.data_bytes_);
  return *this;
}

// The kernel writes data_head after the records, and reads data_tail before it writes over them.
void CommRing::Read(uint32_t cpu, std::vector<std::byte>& bytes, std::vector<size_t>& ends) {
  auto* page = static_cast<perf_event_mmap_page*>(mapping_);
  const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  const uint64_t tail = page->data_tail;
  if (head == tail) return;
  const std::span<const std::byte> ring(static_cast<const std::byte*>(mapping_) + PageBytes(),
                                        data_bytes_);
  // Bytes that are no records would stay that: what comes after them is read again.
  (void)AppendCommMessages(ring, tail, head, cpu, bytes, ends);
  __atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}

absl::StatusOr<CommRings> CommRings::Open() {
  CommRings rings;
  rings.online_ = OnlineCpus();
  rings.suspended_ns_ = SuspendedNs();
  const absl::Status status =
      rings.OpenRings(ParseCpuList(rings.online_).value_or(FirstCpus()), /*renew=*/false);
  if (!status.ok()) return status;
  return rings;
}

// With `renew` those that are open are replaced, which loses what they hold.
absl::Status CommRings::OpenRings(const std::vector<uint32_t>& cpus, bool renew) {
  const size_t bytes = CommRingBytes(cpus.size(), PageBytes());
  for (const uint32_t cpu : cpus) {
    if (!renew && rings_.contains(cpu)) continue;
    absl::StatusOr<CommRing> ring = CommRing::Open(cpu, bytes);
    // It went offline meanwhile.
    if (absl::IsNotFound(ring.status())) continue;
    if (!ring.ok()) return ring.status();
    rings_.insert_or_assign(cpu, *std::move(ring));
  }
  return absl::OkStatus();
}

absl::Status CommRings::FollowCpus() {
  const int64_t suspended_ns = SuspendedNs();
  const bool slept = suspended_ns - std::exchange(suspended_ns_, suspended_ns) > kSuspendNs;
  std::string online = OnlineCpus();
  if (online == online_ && !slept) return absl::OkStatus();
  online_ = std::move(online);
  const std::optional<std::vector<uint32_t>> cpus = ParseCpuList(online_);
  if (!cpus) return absl::OkStatus();
  absl::erase_if(rings_, [&cpus](const auto& ring) {
    return std::find(cpus->begin(), cpus->end(), ring.first) == cpus->end();
  });
  return OpenRings(*cpus, /*renew=*/slept);
}

std::span<const Datagram> CommRings::Read(int64_t now_ns) {
  bytes_.clear();
  ends_.clear();
  datagrams_.clear();
  for (auto& [cpu, ring] : rings_) ring.Read(cpu, bytes_, ends_);
  size_t begin = 0;
  for (const size_t end : ends_) {
    datagrams_.push_back({.socket = SocketId::kComm,
                          .sender_port = 0,
                          .received_ns = now_ns,
                          .bytes = std::span(bytes_).subspan(begin, end - begin)});
    begin = end;
  }
  return datagrams_;
}

size_t CommRings::bytes() const {
  size_t sum = 0;
  for (const auto& [cpu, ring] : rings_) sum += ring.bytes();
  return sum;
}

}  // namespace cnproc
