// SPDX-License-Identifier: Apache-2.0
// Which process was the newest to end in some way: what an exemplar tells.
#ifndef CNPROC_COLLECTORS_NEWEST_END_H_
#define CNPROC_COLLECTORS_NEWEST_END_H_

#include <cstdint>
#include <optional>

#include "collectors/base/pid.h"
#include "collectors/metrics/family.h"
#include "collectors/process/change.h"
#include "collectors/who/identities.h"
#include "collectors/who/label_values.h"

namespace cnproc {

// Small, because there is one for each bucket and each program: the program is remembered by its
// id, and not named any more once its value gave way. Not thread safe.
class NewestEnd {
 public:
  // `end` is of type kProcessEnded. `value` is what the exemplar will have.
  void Set(const Change& end, double value, const Identities& identities);

  // Labels program and pid; nothing before the first end.
  std::optional<Exemplar> At(const Identities& identities) const;

 private:
  double value_ = 0;
  // Kept as it was then: were it computed at each scrape, a clock that is being adjusted would make
  // a new exemplar of an old one each time.
  int64_t unix_time_ns_ = 0;
  pid_t pid_ = 0;  // 0 before the first
  ValueId program_ = kNoValue;
  uint32_t generation_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_NEWEST_END_H_
