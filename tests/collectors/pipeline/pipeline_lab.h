// SPDX-License-Identifier: Apache-2.0
// A pipeline between a source that does as it is told and a /proc made of a few files.
#ifndef CNPROC_TESTS_COLLECTORS_PIPELINE_PIPELINE_LAB_H_
#define CNPROC_TESTS_COLLECTORS_PIPELINE_PIPELINE_LAB_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collectors/base/time.h"
#include "collectors/pipeline/pipeline.h"
#include "collectors/registry.h"
#include "tests/collectors/page.h"
#include "tests/collectors/pipeline/fake_procfs.h"
#include "tests/collectors/pipeline/shared_source.h"

namespace cnproc {

using Page = std::map<std::string, double>;

// How long a scrape waits for its cut.
inline constexpr std::chrono::milliseconds kCutPatience(100);

inline constexpr const char* kForks = "cnproc_events_total{event=\"fork\"}";
inline constexpr const char* kExits = "cnproc_events_total{event=\"exit\"}";
inline constexpr const char* kLostInBuffer = "cnproc_events_lost_total{reason=\"receive_buffer\"}";
inline constexpr const char* kLostInKernel = "cnproc_events_lost_total{reason=\"kernel\"}";
inline constexpr const char* kProcessForks = "cnproc_forks_total{kind=\"process\"}";
inline constexpr const char* kSuccesses = "cnproc_process_exits_total{outcome=\"success\"}";
inline constexpr const char* kErrors = "cnproc_resubscriptions_total{reason=\"error\"}";

inline std::vector<std::byte> Fork(uint32_t pid, uint32_t sequence) {
  return FakeDatagram(kWhatFork, {1, 1, pid, pid}, sequence);
}
inline std::vector<std::byte> Exit(uint32_t pid, uint32_t sequence, uint32_t wait_status = 0) {
  return FakeDatagram(kWhatExit, {pid, pid, wait_status}, sequence);
}

// Whether it comes true within 12 s.
inline bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(12);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

class PipelineLab : public testing::Test {
 protected:
  PipelineLab() {
    procfs_.AddProcess("1");
    procfs_.AddProcess("7");
    PipelineOptions options;
    for (const CollectorSpec& spec : CollectorSpecs()) {
      if (spec.name == "stream" || spec.name == "processes" || spec.name == "user") {
        options.collectors.push_back(&spec);
      }
    }
    options.procfs_root = procfs_.root();
    options.say = [this](Severity severity, const std::string& message) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(message);
      if (severity == Severity::kError) errors_.push_back(message);
    };
    auto source = std::make_unique<SharedSource>();
    source_ = source.get();
    pipeline_ = std::make_unique<Pipeline>(
        PipelineInputs{.source = std::move(source), .side = SideInputs{}, .waker = *Waker::Open()},
        options);
  }
  ~PipelineLab() override {
    source_->Release();
    pipeline_.reset();
  }

  // Until the first scan is done.
  void Start() {
    pipeline_->Start();
    ASSERT_TRUE(Eventually([this] { return pipeline_->Ready().ok(); })) << pipeline_->Ready();
  }

  void Queue(SocketId socket, const std::vector<std::vector<std::byte>>& batch) const {
    source_->Do([&](FakeSource& fake) { fake.Queue(socket, batch); });
  }
  void AdvanceBySeconds(int64_t seconds) const {
    source_->Do([&](FakeSource& fake) { fake.AdvanceTo(fake.NowNs() + seconds * kNsPerSecond); });
  }

  Page Gather(const std::function<bool(std::string_view)>& wanted = [](auto) { return true; }) {
    Families families;
    pipeline_->Gather(wanted, families);
    families.Sort();
    return PageOf(families);
  }
  // One that got its cut. On a busy machine the thread may come too late; more is promised then
  // only of the next scrape.
  Page GatherInTime() {
    for (int i = 0; i < 50; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      Page page = Gather();
      if (std::chrono::steady_clock::now() - begin < kCutPatience) return page;
    }
    ADD_FAILURE() << "no scrape got its cut";
    return {};
  }
  // By one of the next scrapes.
  bool IsShown(const std::string& series, double value) {
    return Eventually([&] { return Gather()[series] == value; });
  }

  std::vector<std::string> Errors() {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

  // Everything that was said, each line with its end.
  std::string Log() {
    const std::lock_guard lock(mutex_);
    return absl::StrCat(absl::StrJoin(lines_, "\n"), "\n");
  }

  const FakeProcfs procfs_;
  SharedSource* source_ = nullptr;
  std::unique_ptr<Pipeline> pipeline_;

 private:
  std::mutex mutex_;
  std::vector<std::string> errors_;
  std::vector<std::string> lines_;
};

}  // namespace cnproc

#endif  // CNPROC_TESTS_COLLECTORS_PIPELINE_PIPELINE_LAB_H_
