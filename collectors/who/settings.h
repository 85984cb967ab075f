// SPDX-License-Identifier: Apache-2.0
// What the operator may change while the exporter runs.
#ifndef CNPROC_COLLECTORS_WHO_SETTINGS_H_
#define CNPROC_COLLECTORS_WHO_SETTINGS_H_

#include "collectors/base/enum_array.h"
#include "collectors/process/change.h"
#include "collectors/process/program_rules.h"
#include "collectors/who/label_values.h"

namespace cnproc {

// Replaced as a whole: nobody changes a part of the one in force.
struct Settings {
  EnumArray<Dimension, LabelPolicy, kDimensionCount> labels;  // by Dimension
  LabelPolicy lineage;
  bool program_lifetime = true;  // whether there are histograms of lifetime by program
  ProgramRules program_rules;
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_WHO_SETTINGS_H_
