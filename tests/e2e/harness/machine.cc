// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/machine.h"

#include <linux/netlink.h>
#include <sched.h>
#include <sys/utsname.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/process.h"

namespace cnproc::e2e {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code gone;  // processes end while one looks
  for (fs::directory_iterator entry(folder, gone), end; !gone && entry != end;
       entry.increment(gone)) {
    entries.push_back(entry->path());
  }
  return entries;
}

bool IsNumber(const std::string& name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) != 0;
}

// Neither a zombie nor just being removed.
bool IsAlive(const fs::path& task) {
  std::ifstream file(task / "stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  const size_t state = text.rfind(") ");
  return state != std::string::npos && text.find_first_of("ZXx", state + 2) != state + 2;
}

// The number after "key" in a file of "key number" lines.
int64_t Field(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) == 0) return std::stoll(line.substr(key.size()));
  }
  return 0;
}

}  // namespace

std::pair<int, int> KernelVersion() {
  utsname name{};
  uname(&name);
  std::istringstream text(name.release);
  int major = 0;
  int minor = 0;
  char dot = 0;
  text >> major >> dot >> minor;
  return {major, minor};
}

bool AnyoneMayListen() { return KernelVersion() >= std::pair(6, 6); }

std::string CpuList() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) FailErrno("sched_getaffinity");
  std::string list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  }
  return list;
}

Tasks CountTasks() {
  Tasks tasks;
  for (const fs::path& process : Entries("/proc")) {
    if (!IsNumber(process.filename())) continue;
    int64_t alive = 0;
    for (const fs::path& task : Entries(process / "task")) alive += IsAlive(task) ? 1 : 0;
    tasks.threads += alive;
    tasks.processes += alive > 0 ? 1 : 0;
  }
  return tasks;
}

std::vector<ConnectorSocket> ConnectorSockets(pid_t pid) {
  std::set<std::string> inodes;
  for (const fs::path& fd : Entries("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    const std::string target = fs::read_symlink(fd, gone);
    if (target.rfind("socket:[", 0) == 0) inodes.insert(target.substr(8, target.size() - 9));
  }
  std::vector<ConnectorSocket> sockets;
  std::ifstream file("/proc/" + std::to_string(pid) + "/net/netlink");
  std::string line;
  std::getline(file, line);  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string address, groups, wmem, dump, locks, inode;
    int protocol = 0;
    ConnectorSocket socket;
    words >> address >> protocol >> socket.port >> groups >> socket.queued_bytes >> wmem >> dump >>
        locks >> socket.drops >> inode;
    socket.groups = static_cast<uint32_t>(std::stoul(groups, nullptr, 16));
    if (protocol == NETLINK_CONNECTOR && inodes.count(inode) != 0) sockets.push_back(socket);
  }
  return sockets;
}

Usage UsageOf(pid_t pid) {
  const fs::path process = "/proc/" + std::to_string(pid);
  Usage usage;
  for (const fs::path& task : Entries(process / "task")) {
    std::ifstream schedstat(task / "schedstat");
    double nanoseconds = 0;
    schedstat >> nanoseconds;
    usage.cpu_seconds += nanoseconds / 1e9;
    usage.wakeups += Field(task / "status", "voluntary_ctxt_switches:");
  }
  usage.resident_bytes = Field(process / "status", "VmRSS:") * 1024;
  usage.own_bytes = Field(process / "status", "RssAnon:") * 1024;
  usage.descriptors = static_cast<int64_t>(Entries(process / "fd").size());
  usage.threads = static_cast<int64_t>(Entries(process / "task").size());
  return usage;
}

}  // namespace cnproc::e2e
