// SPDX-License-Identifier: Apache-2.0
// How the harness fails: by an exception, which GoogleTest turns into a failure of the test that
// says what was missing. Tests then read as given, when, then, without a check after each step.
#ifndef CNPROC_TESTS_E2E_HARNESS_ERROR_H_
#define CNPROC_TESTS_E2E_HARNESS_ERROR_H_

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace cnproc::e2e {

class HarnessError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void Fail(const std::string& what) { throw HarnessError(what); }

[[noreturn]] inline void FailErrno(const std::string& what) {
  const int error = errno;
  Fail(what + ": " + std::strerror(error));
}

}  // namespace cnproc::e2e

#endif  // CNPROC_TESTS_E2E_HARNESS_ERROR_H_
