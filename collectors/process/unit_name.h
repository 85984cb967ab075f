// SPDX-License-Identifier: Apache-2.0
// Names of systemd's units. Pure, thread safe.
#ifndef CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_
#define CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_

#include <string>
#include <string_view>

namespace cnproc {

// Of a type that can hold processes (systemd.unit(5)).
bool IsUnitName(std::string_view name);

// The name itself, as node_exporter has it, but for those that are made anew for every session,
// run, job or connection: these are folded to one each, so that no label is made of an id. What is
// left of a name that is nothing but an id is that of its `slice`, "id" where that says nothing.
std::string FoldUnitName(std::string_view unit, std::string_view slice = {});

// The same for a slice. Numbers stay: "user-1000.slice" is a user's.
std::string FoldSliceName(std::string_view slice);

// What a group that systemd does not manage would be called as a slice, without ".slice" and ids:
// "burstable" below "kubepods" is "kubepods-burstable", as kubelet maps the names
// (pkg/kubelet/cm/cgroup_manager_linux.go: ToSystemd).
std::string NestSlice(std::string_view parent, std::string_view component);

// libvirt registers its machines with systemd-machined as "qemu-1-NAME" or "lxc-4711-NAME", the
// number anew at every start. Removes what stands before NAME and returns true, else returns false.
bool ConsumeLibvirtNumber(std::string_view& machine);

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_PROCESS_UNIT_NAME_H_
