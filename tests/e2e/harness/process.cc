// SPDX-License-Identifier: Apache-2.0
#include "tests/e2e/harness/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/e2e/harness/error.h"

namespace cnproc::e2e {
namespace {

constexpr uid_t kNobody = 65534;

// What the child does between clone and exec: only what is safe after a fork of a process with
// threads. It returns the step that failed.
const char* BecomeProgram(int program, char* const* words, const SpawnOptions& options,
                          const std::array<int, 3>& streams) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0);
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(streams[static_cast<size_t>(fd)], fd) < 0) return "dup2";
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int capability : options.without_capabilities) {
    if (prctl(PR_CAPBSET_DROP, capability) != 0) return "PR_CAPBSET_DROP";
  }
  if (options.as_nobody) {
    // The raw calls: glibc's would wait for threads that this copy does not have.
    if (syscall(SYS_setgroups, 0, nullptr) != 0) return "setgroups";
    if (syscall(SYS_setresgid, kNobody, kNobody, kNobody) != 0) return "setresgid";
    if (syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) return "setresuid";
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // forgotten when credentials change
    syscall(SYS_execveat, program, "", words, environ, AT_EMPTY_PATH);
  } else {
    execv(words[0], words);
  }
  return "exec";
}

std::string Search(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  Fail("no program " + name + " on this machine");
}

class File {
 public:
  File(const char* path, int flags) : fd_(open(path, flags | O_CLOEXEC)) {
    if (fd_ < 0) FailErrno(path);
  }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Process::Process(const Command& command, const SpawnOptions& options) {
  Command storage = command;
  storage[0] = Search(storage[0]);
  std::vector<char*> words;
  for (std::string& word : storage) words.push_back(word.data());
  words.push_back(nullptr);
  const File null("/dev/null", O_RDWR);
  const File program(words[0], O_RDONLY);
  const auto or_null = [&](int fd) { return fd < 0 ? null.fd() : fd; };
  const std::array<int, 3> streams = {or_null(options.stdin_fd), or_null(options.stdout_fd),
                                      or_null(options.stderr_fd)};
  pid_ = static_cast<pid_t>(
      syscall(SYS_clone, options.namespaces | SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (pid_ < 0) FailErrno("clone");
  if (pid_ == 0) {
    const char* step = BecomeProgram(program.fd(), words.data(), options, streams);
    const char* reason = strerrordesc_np(errno);
    (void)!write(STDERR_FILENO, step, strlen(step));
    (void)!write(STDERR_FILENO, ": ", 2);
    (void)!write(STDERR_FILENO, reason, strlen(reason));
    _exit(127);
  }
}

Process::~Process() {
  if (status_) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);
  kill(pid_, SIGCONT);
  waitpid(pid_, nullptr, 0);
}

void Process::Signal(int signal) const {
  if (kill(pid_, signal) != 0) FailErrno("kill");
}

std::optional<int> Process::Poll() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

int Process::Wait(milliseconds limit) {
  const auto end = Clock::now() + limit * Patience();
  while (!Poll()) {
    if (Clock::now() > end) Fail("a child still runs after its time");
    std::this_thread::sleep_for(milliseconds(1));
  }
  return *status_;
}

int Result::ExitCode() const { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

Result RunProgram(const Command& command, const SpawnOptions& options, milliseconds limit) {
  const TempFolder folder;
  const std::string out = folder.Path("out");
  const std::string err = folder.Path("err");
  WriteFile(out, "");
  WriteFile(err, "");
  const File out_file(out.c_str(), O_WRONLY | O_APPEND);
  const File err_file(err.c_str(), O_WRONLY | O_APPEND);
  SpawnOptions with_streams = options;
  with_streams.stdout_fd = out_file.fd();
  with_streams.stderr_fd = err_file.fd();
  Process process(command, with_streams);
  const int status = process.Wait(limit);
  return {status, ReadFile(out), ReadFile(err)};
}

Result RunWithInput(const Command& command, const std::string& input) {
  const TempFolder folder;
  WriteFile(folder.Path("in"), input);
  const File in(folder.Path("in").c_str(), O_RDONLY);
  return RunProgram(command, {.stdin_fd = in.fd()});
}

TempFolder::TempFolder() : path_(std::filesystem::temp_directory_path() / "cnproc_e2e_XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr || chmod(path_.c_str(), 0755) != 0) FailErrno(path_);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) FailErrno(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  if (!file.flush()) FailErrno(path);
}

}  // namespace cnproc::e2e
