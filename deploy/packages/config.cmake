# SPDX-License-Identifier: Apache-2.0
# Read by cpack for each generator: which of the two places of the flags' file a package has.
string(TOLOWER "${CPACK_GENERATOR}" generator)
set(CPACK_INSTALL_CMAKE_PROJECTS "")
foreach(component Unspecified etc etc-${generator})
  list(APPEND CPACK_INSTALL_CMAKE_PROJECTS "${CPACK_CNPROC_BINARY_DIR};cnproc_exporter;${component};/")
endforeach()
