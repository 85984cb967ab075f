// SPDX-License-Identifier: Apache-2.0
// The base of the tests on the real kernel: an exporter and a witness, and cuts through both at
// moments when nothing is under way, so that numbers can be compared exactly.
#ifndef CNPROC_TESTS_E2E_HARNESS_LAB_H_
#define CNPROC_TESTS_E2E_HARNESS_LAB_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "tests/e2e/harness/exporter.h"
#include "tests/e2e/harness/witness.h"

namespace cnproc::e2e {

// A number of things for the machine at hand: divided by CNPROC_SCALE_DOWN, which tests/qemu sets,
// where a fork takes a millisecond.
int Scaled(int count);

// One moment, seen by both.
struct Cut {
  Page page;
  Seen seen;
};

// What happened between two cuts while nobody else on the machine made an event.
struct Window {
  Cut before;
  Cut after;

  Delta delta() const { return {before.page, after.page}; }
  Seen seen() const { return after.seen - before.seen; }
};

// A cut while no event comes. Throws when the machine is not silent for a minute.
Cut TakeCut(const Exporter& exporter, const Witness& witness);

// Does something between two cuts, again and again until nothing but its own events fell between
// them. Throws when the machine is not silent for a minute.
Window Alone(const Exporter& exporter, const Witness& witness,
             const std::function<void()>& do_something);

// Each test gets a fresh exporter and stops it in the end, which must succeed.
class Lab : public testing::Test {
 protected:
  void Start(const ExporterOptions& options = {});
  void TearDown() override;

  Exporter& exporter() { return *exporter_; }
  const Witness& witness() const { return witness_; }

  Cut TakeCut() { return e2e::TakeCut(*exporter_, witness_); }
  Window Alone(const Command& workload);

 private:
  Witness witness_;
  std::unique_ptr<Exporter> exporter_;
};

// Identities that hold at every cut of every page.
void ExpectIdentities(const Page& page);

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_LAB_H_
