// SPDX-License-Identifier: Apache-2.0
#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

class UserCollector final : public Collector {
 public:
  explicit UserCollector(const CollectorContext& context) : identities_(context.identities) {}

  bool Wants(Change::Type type) const override {
    return type == Change::Type::kExeced || type == Change::Type::kProcessForked;
  }
  void OnChange(const Change& change) override {
    if (change.type == Change::Type::kExeced) {
      ++CountsOf(*change.process).execs;
    } else if (change.parent != nullptr) {
      ++CountsOf(*change.parent).forks;
    }
  }

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
    return counts_.at(values(), process.values[Dimension::kUser]);
  }
  void CollectOne(Families& families, const char* name, const char* help,
                  uint64_t Counts::*count) const {
    FamilyWriter family = FamilyWriter::Counter(families, name, help, 0);
    AddByValue(family, Dimension::kUser, values(),
               [&](ValueId id) { return counts_.get(values(), id).*count; });
  }

  const Identities& identities_;
  ByValue<Counts> counts_;
};

}  // namespace

std::unique_ptr<Collector> CreateUserCollector(const CollectorContext& context) {
  return std::make_unique<UserCollector>(context);
}

}  // namespace cnproc
