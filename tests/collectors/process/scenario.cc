// SPDX-License-Identifier: Apache-2.0
#include "tests/collectors/process/scenario.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace cnproc {
namespace {

constexpr int64_t kStepNs = 1'000'000;
constexpr int64_t kSecondNs = 1'000'000'000;

int Number(const std::string& text) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) ADD_FAILURE() << "no number: " << text;
  return number;
}

// "10" or "10:11" → tgid and tid.
std::pair<int, int> Task(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  const int tgid = Number(parts[0]);
  return {tgid, parts.size() > 1 ? Number(parts[1]) : tgid};
}

const std::map<std::string, EventType> kEvents = {
    {"fork", EventType::kFork},     {"thread", EventType::kFork},   {"exec", EventType::kExec},
    {"uid", EventType::kUid},       {"gid", EventType::kGid},       {"sid", EventType::kSid},
    {"attach", EventType::kPtrace}, {"detach", EventType::kPtrace}, {"comm", EventType::kComm},
    {"core", EventType::kCoredump}, {"exit", EventType::kExit},
};

std::string Words(const Change& change) {
  const std::string who = change.process != nullptr ? absl::StrCat(change.process->tgid) : "?";
  const std::string start = change.at_start ? " at start" : "";
  switch (change.type) {
    case Change::Type::kProcessForked:
      return absl::StrCat("forked ", who, " by ",
                          change.parent != nullptr ? absl::StrCat(change.parent->tgid) : "?");
    case Change::Type::kThreadForked:
      return absl::StrCat("thread of ", who);
    case Change::Type::kExeced:
      return absl::StrCat("execed ", who, change.escalated ? " escalated" : "");
    case Change::Type::kThreadExited:
      return absl::StrCat("thread exit of ", who);
    case Change::Type::kProcessEnded: {
      const int64_t start_ns = change.process->start_ns;
      const std::string age = start_ns == kUnknownStart
                                  ? "unknown time"
                                  : absl::StrCat((change.timestamp_ns - start_ns) / kStepNs, " ms");
      return absl::StrCat("ended ", who, " with ", change.wait_status, " after ", age);
    }
    case Change::Type::kUidChanged:
      return absl::StrCat("uid of ", who, change.escalated ? " escalated" : "");
    case Change::Type::kGidChanged:
      return absl::StrCat("gid of ", who);
    case Change::Type::kSessionCreated:
      return absl::StrCat("session of ", who);
    case Change::Type::kPtraceAttached:
      return absl::StrCat("attached ", who);
    case Change::Type::kPtraceDetached:
      return absl::StrCat("detached ", who);
    case Change::Type::kProcessAppeared:
      return absl::StrCat("appeared ", who, start);
    case Change::Type::kProcessVanished:
      return absl::StrCat("vanished ", who, start);
    case Change::Type::kProcessConfirmed:
      return "";  // no news
    case Change::Type::kOomKilled:
      return absl::StrCat("killed ", who);
    case Change::Type::kEscalated:
      return absl::StrCat("escalation of ", who);
    case Change::Type::kSampled:
      return absl::StrCat("sampled ", who);  // never by a table
  }
  return "?";
}

}  // namespace

void Scenario::OnChange(Change& change) {
  const std::string words = Words(change);
  if (words.empty()) return;
  absl::StrAppend(&changes_, changes_.empty() ? "" : ", ", words);
}

void Scenario::Play(std::string_view lines) {
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(lines.data(), lines.size()), '\n')) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const std::pair<std::string, std::string> sides = absl::StrSplit(line, absl::MaxSplits('|', 1));
    changes_.clear();
    PlayLine(std::string(absl::StripAsciiWhitespace(sides.first)));
    EXPECT_EQ(changes_, std::string(absl::StripAsciiWhitespace(sides.second))) << "after: " << line;
  }
}

void Scenario::PlayLine(const std::string& action) {
  std::vector<std::string> words = absl::StrSplit(action, ' ', absl::SkipEmpty());
  now_ns_ += kStepNs;
  late_ns_ = 0;
  if (words.back()[0] == '@') {
    now_ns_ += Number(words.back().substr(1)) * kSecondNs;
    words.pop_back();
  } else if (words.back()[0] == '~') {
    late_ns_ = Number(words.back().substr(1)) * kStepNs;
    words.pop_back();
  }
  if (words[0] == "scan") {
    seen_.clear();
    table_.BeginScan(now_ns_);
  } else if (words[0] == "reconcile") {
    table_.Reconcile(seen_, {});
  } else if (words[0] == "time") {
    table_.EmitDue(now_ns_);
  } else if (words[0].rfind("seen", 0) == 0) {
    const int tgid = Number(words[1]);
    const Process* known = table_.Find(tgid);
    ProcessSnapshot snapshot;
    snapshot.tgid = tgid;
    snapshot.real_uid = snapshot.effective_uid = 0;
    const bool late = words[0] == "seen-late" || known == nullptr;
    // A process that never was seen to start may have done so at any time before.
    const bool unknown = known != nullptr && known->start_ns == kUnknownStart;
    snapshot.start_ns = late || unknown ? now_ns_ - kStepNs : known->start_ns - 5 * kStepNs;
    if (words[0] == "seen-ahead") snapshot.start_ns = now_ns_ + 100'000 * kSecondNs;
    snapshot.leader_exited = words[0] == "seen-zombie";
    for (size_t i = 2; i < words.size(); ++i) {
      snapshot.other_threads.push_back(Number(words[i].substr(1)));
    }
    seen_.push_back(snapshot);
  } else {
    PlayEvent(words);
  }
}

void Scenario::PlayEvent(const std::vector<std::string>& words) {
  const auto type = kEvents.find(words[0]);
  ASSERT_NE(type, kEvents.end()) << words[0];
  Event event;
  event.type = type->second;
  event.timestamp_ns = now_ns_ - late_ns_;
  if (words[0] == "fork") {
    event.parent_tid = event.parent_tgid = Number(words[1]);
    event.tid = event.tgid = Number(words[3]);
    table_.Apply(event, {});
    return;
  }
  std::tie(event.tgid, event.tid) = Task(words[1]);
  ExitRecord record;
  if (words[0] == "exit") {
    event.wait_status = static_cast<uint32_t>(Number(words[2]));
    record.last_of_group = words.back() == "last";
    if (words.back() == "unreaped") event.parent_tid = event.parent_tgid = 1;
  }
  if (words[0] == "attach") event.parent_tid = event.parent_tgid = 1;
  if (words[0] == "uid" || words[0] == "gid") {
    const std::pair<std::string, std::string> ids = absl::StrSplit(words[2], '/');
    event.real_id = static_cast<uint32_t>(Number(ids.first));
    event.effective_id = static_cast<uint32_t>(Number(ids.second));
  }
  table_.Apply(event, {.exit_record = record.last_of_group ? &record : nullptr});
}

}  // namespace cnproc
