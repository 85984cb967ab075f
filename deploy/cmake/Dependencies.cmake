# SPDX-License-Identifier: Apache-2.0
# Libraries of the system; deploy/install-dependencies.sh installs them on Debian.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(absl REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
if(NOT TARGET yaml-cpp::yaml-cpp)
  # Its name before 0.8.
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
# prometheus-cpp's CMake package also asks for CURL and civetweb, which only its Exposer needs.
pkg_check_modules(prometheus_cpp_core REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
include(StaticLibraries)
include(Civetweb)
if(CNPROC_TESTS)
  find_package(GTest REQUIRED)
endif()
