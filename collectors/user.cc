// SPDX-License-Identifier: Apache-2.0
#include "absl/container/flat_hash_map.h"
#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

class UserCollector final : public Collector {
 public:
  explicit UserCollector(const CollectorContext& context) : identities_(context.identities) {}

  bool Wants(Change::Type type) const override {
    switch (type) {
      case Change::Type::kExeced:
      case Change::Type::kProcessForked:
      // They can tell the user of one that had none.
      case Change::Type::kUidChanged:
      case Change::Type::kProcessConfirmed:
      case Change::Type::kProcessEnded:
      case Change::Type::kProcessVanished:
        return true;
      default:
        return false;
    }
  }
  void OnChange(const Change& change) override {
    if (change.type == Change::Type::kProcessForked) {
      if (change.parent != nullptr) ++CountsOf(*change.parent).forks;
      return;
    }
    if (change.type == Change::Type::kExeced) ++CountsOf(*change.process).execs;
    if (!userless_.empty() && change.process != nullptr) CountLate(*change.process);
    if (change.type == Change::Type::kProcessEnded ||
        change.type == Change::Type::kProcessVanished) {
      userless_.erase(change.process->tgid);
    }
  }

  const LabelValues* labels() const override { return &identities_.values(Dimension::kUser); }

  void Collect(const Cut& cut, Families& families) const override {
    CollectOne(families, "cnproc_user_forks_total", "Processes forked, by the real uid.",
               &Counts::forks);
    CollectOne(families, "cnproc_user_execs_total", "Programs started, by the real uid.",
               &Counts::execs);
    CollectLabelNumbers("user", values(), cut.start_time_seconds, families);
  }

 private:
  struct Counts {
    uint64_t forks = 0;
    uint64_t execs = 0;
  };

  const LabelValues& values() const { return identities_.values(Dimension::kUser); }
  Counts& CountsOf(const Process& process) {
    const ValueId user = process.values[Dimension::kUser];
    return user == kNoValue ? userless_[process.tgid] : counts_.at(values(), user);
  }
  // What could not be counted while the user was not known.
  void CountLate(const Process& process) {
    const auto found = userless_.find(process.tgid);
    const ValueId user = process.values[Dimension::kUser];
    if (found == userless_.end() || user == kNoValue) return;
    Counts& counts = counts_.at(values(), user);
    counts.forks += found->second.forks;
    counts.execs += found->second.execs;
    userless_.erase(found);
  }
  void CollectOne(Families& families, const char* name, const char* help,
                  uint64_t Counts::*count) const {
    FamilyWriter family = FamilyWriter::Counter(families, name, help, 0);
    AddByValue(family, Dimension::kUser, values(),
               [&](ValueId id) { return counts_.get(values(), id).*count; });
  }

  const Identities& identities_;
  ByValue<Counts> counts_;
  // Of living processes whose user is not known yet, by tgid.
  absl::flat_hash_map<pid_t, Counts> userless_;
};

}  // namespace

std::unique_ptr<Collector> CreateUserCollector(const CollectorContext& context) {
  return std::make_unique<UserCollector>(context);
}

}  // namespace cnproc
