// SPDX-License-Identifier: Apache-2.0
// Given a recording of the kernel's datagrams, then anyone can replay it, without a privilege, to
// the same numbers.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/e2e/harness/error.h"
#include "tests/e2e/harness/lab.h"
#include "tests/e2e/harness/pcap.h"

namespace cnproc::e2e {
namespace {

constexpr uint32_t kForkEvent = 1;

// All that a recording determines, for processes that began and ended within it.
const char* const kReplayed[] = {"cnproc_events_total",
                                 "cnproc_forks_total",
                                 "cnproc_execs_total",
                                 "cnproc_process_exits_total",
                                 "cnproc_exit_signals_total",
                                 "cnproc_exit_codes_total",
                                 "cnproc_coredumps_total",
                                 "cnproc_sessions_total",
                                 "cnproc_ptrace_total",
                                 "cnproc_process_lifetime_seconds_bucket",
                                 "cnproc_process_lifetime_seconds_sum",
                                 "cnproc_process_lifetime_seconds_count"};

void RunEverything() {
  RunWorkload({"exit", "100", "77"});
  RunWorkload({"signal", "20", "6"});
  RunWorkload({"threads", "50"});
  RunWorkload({"leader-first", "5", "92"});
  RunWorkload({"exec-by-thread", "5", "91"});
  RunWorkload({"sid", "5"});
  RunWorkload({"ptrace", "5"});
  RunWorkload({"uid", "5"});
}

// Replays as nobody and waits for the end of the recording.
std::unique_ptr<Exporter> Replay(const std::string& path, const std::string& speed = "0") {
  const Command flags = {"--connector.replay=" + path, "--connector.replay-speed=" + speed};
  auto exporter = std::make_unique<Exporter>(
      ExporterOptions{.flags = flags, .as_nobody = true, .wait_until_ready = false});
  const bool ended = Eventually(seconds(10), [&] {
    const HttpResponse ready = exporter->Get("/-/ready");
    return ready.status == 503 && ready.body.find("ended") != std::string::npos;
  });
  if (!ended) Fail("ready never said that the replay ended: " + exporter->Get("/-/ready").body);
  return exporter;
}

class RecordReplay : public testing::Test {
 protected:
  // Records a workload while nobody else makes an event. The recording at path_ then ends where the
  // page was cut, before the exporter's own end.
  Page Record() {
    const std::string growing = folder_.Path("growing.pcap");
    for (int attempt = 0; attempt < 50; ++attempt) {
      const Witness witness;
      Exporter exporter({.flags = {"--connector.record=" + growing}});
      RunEverything();
      const Cut cut = TakeCut(exporter, witness);
      std::this_thread::sleep_for(milliseconds(100) * kPatience);  // it writes in the background
      WriteFile(path_, ReadFile(growing));
      if (witness.Look().foreign != 0) continue;
      EXPECT_EQ(exporter.Stop(), 0) << exporter.Log();
      return cut.page;
    }
    Fail("others made processes in every recording: end them and try again");
  }

  TempFolder folder_;
  std::string path_ = folder_.Path("recording.pcap");
};

TEST_F(RecordReplay, ReplayedByNobodyTheNumbersAreTheSame) {
  const Page live = Record();
  const auto exporter = Replay(path_);
  const Page replayed = exporter->Scrape();
  for (const auto& [series, value] : live.values()) {
    for (const std::string name : kReplayed) {
      if (series == name || series.rfind(name + "{", 0) == 0) {
        EXPECT_EQ(replayed[series], value) << series;
      }
    }
  }
  EXPECT_EQ(replayed["cnproc_exit_codes_total{code=\"77\"}"], 100);
  EXPECT_EQ(replayed["cnproc_coredumps_total{signal=\"SIGABRT\",written=\"false\"}"], 20);
  EXPECT_EQ(replayed.Sum("cnproc_events_lost_total"), 0);
  EXPECT_EQ(replayed["cnproc_up"], 0);
  ExpectIdentities(replayed);
  EXPECT_EQ(exporter->Stop(), 0) << exporter->Log();
}

// Given a recording of a busy machine from which nothing is missing, though what came through one
// socket stands up to 377 numbers behind what came through the other
TEST_F(RecordReplay, NoLossIsToldThatNeverWas) {
  constexpr size_t kFileHeaderBytes = 24;
  constexpr size_t kPacketBytes = 108;
  constexpr size_t kHole = 76;
  const std::string whole = ReadFile(CNPROC_TEST_DATA "/fixtures/nothing_lost.pcap");
  const auto lost_of = [&](const std::string& content, const std::string& speed) {
    WriteFile(path_, content);
    const Page page = Replay(path_, speed)->Scrape();
    EXPECT_EQ(page["cnproc_up"], 0);
    return page.Sum("cnproc_events_lost_total");
  };
  for (const char* speed : {"0", "1", "3"}) EXPECT_EQ(lost_of(whole, speed), 0) << speed;
  // One that was cut at its limit lacks nothing of what it has; a hole has its size.
  EXPECT_EQ(lost_of(whole.substr(0, kFileHeaderBytes + 1500 * kPacketBytes), "0"), 0);
  std::string holed = whole;
  holed.erase(kFileHeaderBytes + 1000 * kPacketBytes, kHole * kPacketBytes);
  for (const char* speed : {"0", "3"}) EXPECT_EQ(lost_of(holed, speed), kHole) << speed;
}

TEST_F(RecordReplay, TsharkReadsTheFile) {
  Record();
  const Result result = RunProgram({"tshark", "-r", path_, "-T", "fields", "-e", "frame.len"});
  ASSERT_EQ(result.ExitCode(), 0) << result.err;
  const size_t frames = static_cast<size_t>(std::count(result.out.begin(), result.out.end(), '\n'));
  EXPECT_EQ(frames, ReadPcap(ReadFile(path_)).size());
  const Result protocols =
      RunProgram({"tshark", "-r", path_, "-c", "1", "-T", "fields", "-e", "frame.protocols"});
  EXPECT_NE(protocols.out.find("netlink"), std::string::npos) << protocols.out;
}

TEST_F(RecordReplay, AtTheRecordedSpeedItTakesTheRecordedTime) {
  {
    Exporter exporter({.flags = {"--connector.record=" + path_}});
    RunWorkload({"exit", "1", "77"});
    std::this_thread::sleep_for(seconds(2));
    RunWorkload({"exit", "1", "78"});
    std::this_thread::sleep_for(milliseconds(100));
  }
  chmod(path_.c_str(), 0644);
  const auto start = Clock::now();
  const Exporter exporter(
      {.flags = {"--connector.replay=" + path_}, .as_nobody = true, .wait_until_ready = false});
  const std::string last = "cnproc_exit_codes_total{code=\"78\"}";
  EXPECT_TRUE(Eventually(seconds(10), [&] { return exporter.Scrape().Has(last); }));
  EXPECT_GE(Clock::now() - start, milliseconds(1900));
}

TEST_F(RecordReplay, TheFileIsBoundedInSize) {
  {
    Exporter exporter(
        {.flags = {"--connector.record=" + path_, "--connector.record-max-size=64KiB"}});
    const Witness witness;
    const Window window = Alone(exporter, witness, [] { RunWorkload({"exit", "2000", "77"}); });
    EXPECT_EQ(window.delta()["cnproc_exit_codes_total{code=\"77\"}"], 2000) << "recording or not";
    EXPECT_EQ(exporter.Stop(), 0);
    EXPECT_NE(exporter.Log().find("record"), std::string::npos) << "the log must say that it ended";
  }
  const std::string content = ReadFile(path_);
  EXPECT_LE(content.size(), size_t{64} << 10);
  EXPECT_GT(ReadPcap(content).size(), 100U);
}

TEST_F(RecordReplay, ARestartKeepsTheRecordingBefore) {
  // Given a recording
  const std::string before = "longer than the header of a file without a packet";
  WriteFile(path_, before);
  WriteFile(path_ + ".old", "an older one");
  // When another one is begun under its name, then the first is kept.
  { Exporter exporter({.flags = {"--connector.record=" + path_}}); }
  EXPECT_EQ(ReadFile(path_ + ".old"), before);
  EXPECT_GE(ReadFile(path_).size(), size_t{24});
  // Nor do starts that fail at once, again and again, push it out.
  const std::string recorded = ReadFile(path_);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(RunExporter({"--connector.record=" + path_, "--connector.netns=/proc/self/ns/user"})
                  .ExitCode(),
              0);
  }
  EXPECT_EQ(ReadFile(path_ + ".old"), recorded);
}

TEST_F(RecordReplay, WhatARecordingCannotTellIsSaid) {
  Record();
  const Page page = Replay(path_)->Scrape();
  for (const char* collector : {"unit", "container", "user", "taskstats", "oom", "usage"}) {
    EXPECT_EQ(page["cnproc_scrape_collector_success{collector=\"" + std::string(collector) + "\"}"],
              0)
        << collector;
  }
  EXPECT_EQ(page["cnproc_scrape_collector_success{collector=\"program\"}"], 1);
  EXPECT_EQ(page["cnproc_scrape_collector_success{collector=\"processes\"}"], 1);
  const Result check =
      RunExporter({"--connector.replay=" + path_, "--config.check", "--collector.unit"});
  EXPECT_EQ(check.ExitCode(), 1);
  EXPECT_NE(check.out.find("lacking unit: a recording has no /proc"), std::string::npos)
      << check.out;
}

// A kernel's message that is broken, unknown or forged is counted, and nothing else changes.
TEST_F(RecordReplay, DamagedDatagramsAreCountedByTheirReason) {
  Record();
  std::string content = ReadFile(path_);
  std::vector<RecordedDatagram> forks;
  for (const RecordedDatagram& datagram : ReadPcap(content)) {
    if (datagram.what == kForkEvent) forks.push_back(datagram);
  }
  ASSERT_GT(forks.size(), 20U);
  const Page whole = Replay(path_)->Scrape();
  for (size_t i = 0; i < 3; ++i) content[forks[i].message + kConnectorLengthOffset] = 8;
  for (size_t i = 5; i < 7; ++i) content[forks[i].message + kWhatOffset] = 0x10;
  WriteFile(path_, content);
  const Page page = Replay(path_)->Scrape();
  EXPECT_EQ(page["cnproc_messages_rejected_total{reason=\"malformed\"}"], 3);
  EXPECT_EQ(page["cnproc_messages_rejected_total{reason=\"unknown_event\"}"], 2);
  EXPECT_EQ(page.Sum("cnproc_forks_total"), whole.Sum("cnproc_forks_total") - 5);
  ExpectIdentities(page);
}

class UnusableRecording : public testing::Test {
 protected:
  void ExpectAnErrorThatNamesTheFile(const std::string& content) {
    WriteFile(path_, content);
    const Result result =
        RunExporter({"--connector.replay=" + path_, "--connector.replay-speed=0",
                     "--web.listen-address=127.0.0.1:" + std::to_string(FreePort())},
                    {.as_nobody = true});
    EXPECT_EQ(result.ExitCode(), 2) << result.err;
    EXPECT_NE(result.err.find(path_), std::string::npos) << result.err;
  }

  std::string Recording() {
    const std::string good = folder_.Path("good.pcap");
    Exporter exporter({.flags = {"--connector.record=" + good}});
    RunWorkload({"exit", "20", "77"});
    std::this_thread::sleep_for(milliseconds(50));
    exporter.Stop();
    return ReadFile(good);
  }

  TempFolder folder_;
  std::string path_ = folder_.Path("bad.pcap");
};

TEST_F(UnusableRecording, Empty) { ExpectAnErrorThatNamesTheFile(""); }

TEST_F(UnusableRecording, Foreign) {
  ExpectAnErrorThatNamesTheFile("#!/bin/sh\necho this is no recording, but it is long enough\n");
}

TEST_F(UnusableRecording, PcapOfAnotherLinkType) {
  std::string content = Recording();
  content[20] = 1;  // Ethernet
  ExpectAnErrorThatNamesTheFile(content);
}

TEST_F(UnusableRecording, CutInARecord) {
  std::string content = Recording();
  content.resize(content.size() - 10);
  ExpectAnErrorThatNamesTheFile(content);
}

TEST_F(UnusableRecording, Absent) {
  const Result result = RunExporter({"--connector.replay=" + folder_.Path("absent.pcap")});
  EXPECT_EQ(result.ExitCode(), 2);
  EXPECT_NE(result.err.find("absent.pcap"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace cnproc::e2e
