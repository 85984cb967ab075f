// SPDX-License-Identifier: Apache-2.0
#include "collectors/who/label_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace cnproc {
namespace {

using testing::ElementsAre;

constexpr int64_t kTimeout = 100;
constexpr int64_t kOffset = 1'700'000'000'000'000'000;

double Unix(int64_t now_ns) { return static_cast<double>(now_ns + kOffset) * 1e-9; }

LabelPolicy Policy(size_t limit, std::vector<std::string> expected = {}) {
  return {.limit = limit, .idle_timeout_ns = kTimeout, .expected = std::move(expected)};
}

// In the order in which a page has them.
std::vector<std::string> Texts(const LabelValues& values) {
  std::vector<std::string> texts;
  values.ForEach([&](ValueId, const LabelValues::Value& value) { texts.push_back(value.text); });
  return texts;
}

ValueId Begin(LabelValues& values, std::string_view text) {
  const ValueId id = values.Intern(text);
  values.AddProcess(id);
  return id;
}

TEST(LabelValuesTest, GivesAValueOneIdAndItsStart) {
  LabelValues values(Policy(3), 1'000, kOffset);
  const ValueId nginx = values.Intern("nginx");
  values.AdvanceTo(2'000, kOffset);
  const ValueId sshd = values.Intern("sshd");
  EXPECT_NE(nginx, sshd);
  EXPECT_EQ(values.Intern("nginx"), nginx);
  EXPECT_EQ(values.value(nginx).text, "nginx");
  EXPECT_DOUBLE_EQ(values.value(nginx).start_time_seconds, Unix(1'000));
  EXPECT_DOUBLE_EQ(values.value(sshd).start_time_seconds, Unix(2'000));
  EXPECT_EQ(values.size(), 2U);
  EXPECT_THAT(Texts(values), ElementsAre("nginx", "sshd"));
}

TEST(LabelValuesTest, CountsAsOtherWhatFindsNoRoom) {
  // Given as many values as there is room for, each with a process
  LabelValues values(Policy(2), 0, kOffset);
  Begin(values, "a");
  Begin(values, "b");
  // When two more come, however late
  values.AdvanceTo(10 * kTimeout, kOffset);
  EXPECT_EQ(values.Intern("c"), kOtherValue);
  EXPECT_EQ(values.Intern("d"), kOtherValue);
  EXPECT_EQ(values.Intern("c"), kOtherValue);
  // Then each time is an overflow, and "other" exists since the first.
  EXPECT_EQ(values.overflows(), 3U);
  EXPECT_EQ(values.evictions(), 0U);
  EXPECT_DOUBLE_EQ(values.value(kOtherValue).start_time_seconds, Unix(10 * kTimeout));
  EXPECT_THAT(Texts(values), ElementsAre("a", "b", "other"));
  EXPECT_EQ(values.size(), 2U);
}

TEST(LabelValuesTest, LetsTheLongestIdleGiveWay) {
  // Given two values without processes, the older one with the newer event
  LabelValues values(Policy(2), 0, kOffset);
  const ValueId a = values.Intern("a");
  values.AdvanceTo(10, kOffset);
  const ValueId b = values.Intern("b");
  values.AdvanceTo(20, kOffset);
  values.Touch(a);
  // When a newcomer comes just before the other one's time
  values.AdvanceTo(10 + kTimeout - 1, kOffset);
  EXPECT_EQ(values.Intern("c"), kOtherValue);
  // Then it finds no room; at its time it does.
  values.AdvanceTo(10 + kTimeout, kOffset);
  const uint32_t generation = values.generation(b);
  EXPECT_EQ(values.Intern("c"), b);
  EXPECT_NE(values.generation(b), generation);
  EXPECT_DOUBLE_EQ(values.value(b).start_time_seconds, Unix(10 + kTimeout));
  EXPECT_EQ(values.evictions(), 1U);
  EXPECT_THAT(Texts(values), ElementsAre("a", "c", "other"));
}

TEST(LabelValuesTest, StartsAnewAValueThatComesBack) {
  LabelValues values(Policy(1), 0, kOffset);
  ByValue<int> counts;
  counts.at(values, values.Intern("a")) = 7;
  values.AdvanceTo(kTimeout, kOffset);
  counts.at(values, values.Intern("b")) = 3;
  values.AdvanceTo(2 * kTimeout, kOffset);
  const ValueId again = values.Intern("a");
  EXPECT_EQ(counts.find(values, again), nullptr);
  EXPECT_EQ(counts.at(values, again), 0);
  EXPECT_DOUBLE_EQ(values.value(again).start_time_seconds, Unix(2 * kTimeout));
}

TEST(LabelValuesTest, KeepsAValueWhileItHasAProcess) {
  LabelValues values(Policy(1), 0, kOffset);
  const ValueId a = Begin(values, "a");
  values.AddProcess(a);
  values.RemoveProcess(a);
  values.AdvanceTo(50 * kTimeout, kOffset);
  EXPECT_EQ(values.Intern("b"), kOtherValue);
  // When the last process ends, then its idle time begins.
  values.RemoveProcess(a);
  values.AdvanceTo(51 * kTimeout - 1, kOffset);
  EXPECT_EQ(values.Intern("b"), kOtherValue);
  values.AdvanceTo(51 * kTimeout, kOffset);
  EXPECT_EQ(values.Intern("b"), a);
}

TEST(LabelValuesTest, KeepsIdleValuesBelowTheLimitUnlessToldOtherwise) {
  LabelPolicy policy = Policy(10);
  LabelValues programs(policy, 0, kOffset);
  policy.remove_idle = true;
  LabelValues containers(policy, 0, kOffset);
  for (LabelValues* values : {&programs, &containers}) {
    values->Intern("gone");
    Begin(*values, "alive");
    values->AdvanceTo(kTimeout, kOffset);
  }
  EXPECT_THAT(Texts(programs), ElementsAre("alive", "gone"));
  EXPECT_THAT(Texts(containers), ElementsAre("alive"));
  EXPECT_EQ(containers.evictions(), 1U);
}

TEST(LabelValuesTest, AlwaysHasTheExpectedValues) {
  // Given two expected values, which never had a process, and room for one more
  LabelValues values(Policy(3, {"nginx", "sshd"}), 5, kOffset);
  EXPECT_THAT(Texts(values), ElementsAre("nginx", "sshd"));
  const ValueId sshd = values.Intern("sshd");
  EXPECT_DOUBLE_EQ(values.value(sshd).start_time_seconds, Unix(5));
  values.AddProcess(sshd);
  values.RemoveProcess(sshd);
  const ValueId a = values.Intern("a");
  // When others come for whom there is no room, long after all of these were last seen
  values.AdvanceTo(10 * kTimeout, kOffset);
  // Then only the third gives way.
  EXPECT_EQ(values.Intern("b"), a);
  EXPECT_EQ(values.Intern("c"), kOtherValue);
  EXPECT_THAT(Texts(values), ElementsAre("b", "nginx", "other", "sshd"));
}

TEST(LabelValuesTest, TellsARealOtherFromTheRest) {
  LabelValues values(Policy(1), 0, kOffset);
  const ValueId real = values.Intern("other");
  EXPECT_NE(real, kOtherValue);
  EXPECT_EQ(values.value(real).text, "other_");
  EXPECT_EQ(values.Intern("other_"), real);
  EXPECT_EQ(values.Intern("x"), kOtherValue);
  EXPECT_EQ(values.value(kOtherValue).text, "other");
}

TEST(LabelValuesTest, TakesAnyBytes) {
  LabelValues values(Policy(10), 0, kOffset);
  EXPECT_EQ(values.value(values.Intern("a\nb\xff")).text, "a\ufffdb\ufffd");
  EXPECT_EQ(values.value(values.Intern("q\"\\")).text, "q\"\\");
  EXPECT_EQ(values.Intern("a\rb\xfe"), values.Intern("a\nb\xff"));
  EXPECT_EQ(values.Intern(""), kNoValue);
  EXPECT_EQ(values.size(), 2U);
}

TEST(LabelValuesTest, AllowsAProcessWithoutAValue) {
  LabelValues values(Policy(1), 0, kOffset);
  values.AddProcess(kNoValue);
  values.Touch(kNoValue);
  values.RemoveProcess(kNoValue);
  EXPECT_TRUE(Texts(values).empty());
}

TEST(LabelValuesTest, KeepsCountsOfValuesThatStayOverAReload) {
  // Given values expected, alive and idle
  LabelValues values(Policy(4, {"expected", "dropped"}), 0, kOffset);
  ByValue<int> counts;
  counts.at(values, values.Intern("expected")) = 1;
  const ValueId alive = Begin(values, "alive");
  counts.at(values, alive) = 2;
  counts.at(values, values.Intern("idle")) = 3;
  // When the limit shrinks, and other names are expected
  values.Configure(Policy(2, {"alive", "new"}));
  // Then nothing goes at once,
  EXPECT_THAT(Texts(values), ElementsAre("alive", "dropped", "expected", "idle", "new"));
  EXPECT_EQ(*counts.find(values, alive), 2);
  EXPECT_EQ(*counts.find(values, values.Intern("expected")), 1);
  // and what nobody expects any more goes with its time.
  values.AdvanceTo(kTimeout, kOffset);
  EXPECT_THAT(Texts(values), ElementsAre("alive", "new"));
  // An expected value does not give way after its process has ended either.
  values.RemoveProcess(alive);
  values.AdvanceTo(5 * kTimeout, kOffset);
  EXPECT_EQ(values.Intern("x"), kOtherValue);
  EXPECT_EQ(*counts.find(values, values.Intern("alive")), 2);
}

TEST(LabelValuesTest, IgnoresAClockThatGoesBack) {
  LabelValues values(Policy(1), 1'000, kOffset);
  values.AdvanceTo(10, kOffset);
  EXPECT_DOUBLE_EQ(values.value(values.Intern("a")).start_time_seconds, Unix(1'000));
}

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStay = LabelValues::kShortestStayNs;

LabelPolicy LongPolicy(size_t limit, std::vector<std::string> expected = {}) {
  return {.limit = limit, .idle_timeout_ns = 900 * kSecond, .expected = std::move(expected)};
}

// A process that begins, execs and ends.
ValueId Live(LabelValues& values, std::string_view text) {
  const ValueId id = Begin(values, text);
  values.RemoveProcess(id);
  return id;
}

TEST(LabelValuesTest, LetsACrashLoopInAmongNamesThatOccurredOnce) {
  // Given an installer's hundred one-off names, which fill the limit
  LabelValues values(LongPolicy(100), 0, kOffset);
  for (int i = 0; i < 100; ++i) Live(values, "postinst" + std::to_string(i));
  const ValueId first = values.Intern("postinst0");  // seen twice now
  // When a program begins to fail each second, while more one-off names come
  int64_t now = 0;
  int64_t found_room = 0;
  for (int second = 1; second <= 300 && found_room == 0; ++second) {
    now = second * kSecond;
    values.AdvanceTo(now, kOffset);
    Live(values, "late" + std::to_string(second));
    if (Live(values, "crashd") != kOtherValue) found_room = now;
  }
  // Then it has its own name as soon as scrapes have seen the others for two minutes,
  EXPECT_EQ(found_room, kStay);
  EXPECT_EQ(values.evictions(), 1U);
  // in place of a name that occurred once.
  EXPECT_EQ(values.value(first).text, "postinst0");
  const uint64_t overflows = values.overflows();
  Live(values, "crashd");
  EXPECT_EQ(values.overflows(), overflows);
}

TEST(LabelValuesTest, LetsNoNewcomerInThatCameOnce) {
  LabelValues values(LongPolicy(2), 0, kOffset);
  Live(values, "a");
  Live(values, "b");
  values.AdvanceTo(2 * kStay, kOffset);
  // When ever more names come once each, then all of them are others', and the first two stay
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_EQ(Live(values, "once" + std::to_string(i)), kOtherValue);
  }
  EXPECT_THAT(Texts(values), ElementsAre("a", "b", "other"));
}

TEST(LabelValuesTest, KeepsTheBusierValue) {
  // Given a value seen five times, and one that forked as often without an exec
  LabelValues values(LongPolicy(2), 0, kOffset);
  for (int i = 0; i < 5; ++i) Live(values, "busy");
  const ValueId forker = Begin(values, "forker");
  for (int i = 0; i < 4; ++i) {
    values.AddProcess(forker);
    values.RemoveProcess(forker);
  }
  values.RemoveProcess(forker);
  values.AdvanceTo(kStay, kOffset);
  // When a newcomer comes seven times, then it is no busier by a power of two;
  for (int i = 0; i < 7; ++i) ASSERT_EQ(Live(values, "newcomer"), kOtherValue);
  // at the eighth time it is, and takes the place of the one idle longest.
  EXPECT_NE(Live(values, "newcomer"), kOtherValue);
  EXPECT_THAT(Texts(values), ElementsAre("forker", "newcomer", "other"));
  // The one that went does not push out in its turn whoever was busier.
  values.AdvanceTo(2 * kStay, kOffset);
  for (int i = 0; i < 7; ++i) ASSERT_EQ(Live(values, "busy"), kOtherValue);
}

TEST(LabelValuesTest, LetsNobodyInForTheLivingAndTheExpected) {
  LabelValues values(LongPolicy(2, {"expected"}), 0, kOffset);
  Begin(values, "alive");
  values.AdvanceTo(10 * kStay, kOffset);
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(Live(values, "newcomer"), kOtherValue);
  EXPECT_EQ(values.overflows(), 1'000U);
}

// Against a model that is slow and plain.
TEST(LabelValuesTest, BehavesAsThePlainModelDoes) {
  struct Plain {
    int processes = 0;
    int64_t last_event = 0;
  };
  constexpr size_t kLimit = 8;
  std::mt19937 random(42);
  LabelValues values(Policy(kLimit), 0, kOffset);
  std::map<std::string, Plain> model;
  std::vector<std::pair<ValueId, std::string>> alive;  // "" is other
  size_t others = 0;
  int64_t now = 0;
  for (int step = 0; step < 200'000; ++step) {
    now += random() % 12;
    values.AdvanceTo(now, kOffset);
    if (random() % 2 == 0 && !alive.empty()) {
      const size_t victim = random() % alive.size();
      values.RemoveProcess(alive[victim].first);
      if (!alive[victim].second.empty()) {
        Plain& plain = model[alive[victim].second];
        --plain.processes;
        plain.last_event = now;
      }
      alive[victim] = alive.back();
      alive.pop_back();
      continue;
    }
    const std::string name = "p" + std::to_string(random() % 24);
    if (!model.contains(name) && model.size() >= kLimit) {
      auto oldest = model.end();
      for (auto it = model.begin(); it != model.end(); ++it) {
        if (it->second.processes > 0 || now - it->second.last_event < kTimeout) continue;
        if (oldest == model.end() || it->second.last_event < oldest->second.last_event) oldest = it;
      }
      if (oldest != model.end()) {
        // Several may be idle equally long; what counts is that one of them goes.
        const int64_t longest = oldest->second.last_event;
        const ValueId id = values.Intern(name);
        ASSERT_NE(id, kOtherValue);
        const std::vector<std::string> texts = Texts(values);
        std::string gone;
        for (const auto& [text, plain] : model) {
          if (std::find(texts.begin(), texts.end(), text) == texts.end()) gone = text;
        }
        ASSERT_TRUE(model.contains(gone));
        ASSERT_EQ(model[gone].processes, 0);
        ASSERT_EQ(model[gone].last_event, longest);
        model.erase(gone);
        model[name] = Plain{};
      }
    } else {
      model.try_emplace(name);
    }
    const ValueId id = values.Intern(name);
    values.AddProcess(id);
    const bool other = !model.contains(name);
    ASSERT_EQ(id == kOtherValue, other);
    if (other) {
      ++others;
      alive.emplace_back(id, "");
    } else {
      ASSERT_EQ(values.value(id).text, name);
      ++model[name].processes;
      model[name].last_event = now;
      ASSERT_EQ(values.value(id).processes, static_cast<uint32_t>(model[name].processes));
      alive.emplace_back(id, name);
    }
    ASSERT_EQ(values.size(), model.size());
  }
  EXPECT_EQ(values.overflows(), others);
  EXPECT_GT(values.evictions(), 0U);
}

}  // namespace
}  // namespace cnproc
