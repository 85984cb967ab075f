// SPDX-License-Identifier: Apache-2.0
// Names of systemd's units. Pure, thread safe.
#ifndef CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_
#define CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_

#include <string>
#include <string_view>

namespace cnproc {

// Of a type that can hold processes (systemd.unit(5)).
bool IsUnitName(std::string_view name);

// The name itself, but for those that are made anew for every session, run or connection: these
// are folded to one each.
std::string FoldUnitName(std::string_view unit);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_
