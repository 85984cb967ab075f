// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/who_lab.h"

#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/machine.h"

namespace cnproc::e2e {
namespace {

namespace fs = std::filesystem;

std::string TinyBinary() {
  return (fs::path(WorkloadBinary()).parent_path() / "cnproc_tiny").string();
}

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

}  // namespace

pid_t Fork(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid < 0) FailErrno("fork");
  if (pid == 0) _exit(body());
  return pid;
}

int Wait(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) FailErrno("waitpid");
  return status;
}

pid_t RunOnce(const std::string& path) {
  std::string argument = path;
  std::vector<char*> arguments = {argument.data(), nullptr};
  pid_t pid = 0;
  errno = posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments.data(), environ);
  if (errno != 0) FailErrno(path);
  Wait(pid);
  return pid;
}

Cgroup::Cgroup(const std::string& controller, const std::string& path) {
  const fs::path v1 = "/sys/fs/cgroup/" + controller;
  is_v1_ = fs::exists(v1);
  if (!is_v1_) Write("/sys/fs/cgroup/cgroup.subtree_control", "+" + controller);
  fs::path directory = is_v1_ ? v1 : fs::path("/sys/fs/cgroup");
  for (const fs::path& part : fs::path(path.substr(1))) {
    directory /= part;
    if (!fs::exists(directory) && fs::create_directory(directory)) made_.push_back(directory);
    if (!is_v1_) Write(directory / "cgroup.subtree_control", "+" + controller);
  }
  directory_ = directory;
  // A group with processes must not hand controllers on (v2).
  if (!is_v1_) Write(directory / "cgroup.subtree_control", "-" + controller);
}

Cgroup::~Cgroup() {
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
    // The last of its processes may still be on its way out.
    Eventually(seconds(2), [&] { return rmdir(directory->c_str()) == 0; });
  }
}

bool Cgroup::Set(const std::string& file, const std::string& text) const {
  return Write(directory_ / file, text);
}

bool Cgroup::Enter() const { return Set("cgroup.procs", std::to_string(getpid())); }

int64_t Growth(const Page& before, const Page& after, const std::string& metric,
               const std::string& label, const std::string& value) {
  const auto sum = [&](const Page& page) {
    double total = 0;
    for (const auto& [series, number] : page.values()) {
      if (series.rfind(metric + "{", 0) == 0 &&
          series.find(label + "=\"" + value + "\"") != std::string::npos) {
        total += number;
      }
    }
    return total;
  };
  return static_cast<int64_t>(sum(after) - sum(before));
}

std::string Of(const std::string& metric, const std::string& label, const std::string& value) {
  return "cnproc_" + metric + "{" + label + "=\"" + value + "\"}";
}

std::string Who::Program(const std::string& name) const {
  const std::string path = folder_.Path(name);
  fs::copy_file(TinyBinary(), path, fs::copy_options::skip_existing);
  return path;
}

std::string Who::Workload(const std::string& name) const {
  const std::string path = folder_.Path(name);
  fs::create_symlink(WorkloadBinary(), path);
  return path;
}

std::string Who::Script(const std::string& name, const std::string& commands) const {
  const std::string path = folder_.Path(name);
  Write(path, "#!/bin/sh\n" + commands + "\n");
  chmod(path.c_str(), 0755);
  return path;
}

Page Who::Settled() {
  usleep(static_cast<useconds_t>(50'000 * Patience()));
  return exporter().Scrape();
}

}  // namespace cnproc::e2e
