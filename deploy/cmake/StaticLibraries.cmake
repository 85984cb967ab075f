# SPDX-License-Identifier: Apache-2.0
# Links abseil, RE2 and yaml-cpp statically where the distribution ships both kinds. Thirty shared libraries of abseil,
# which RE2 brings along from its version 10 on, would cost a twelfth of the exporter's resident memory in relocations
# and half-used pages; and these three are named anew with each release of a distribution. What is left to load (OpenSSL 3,
# zlib, libcrypt, the C and C++ libraries) is the same in Debian 12, 13 and its relatives, so that a package serves them all.
set(cnproc_static_libraries "lib(absl_[a-z0-9_]+|re2|yaml-cpp)")

# Sets OUT to the static library beside a shared one, or to the shared one itself.
function(cnproc_static_beside shared out)
  string(REGEX REPLACE "\\.so[.0-9]*$" ".a" static "${shared}")
  if(shared MATCHES "/${cnproc_static_libraries}\\.so[.0-9]*$" AND EXISTS "${static}")
    set(${out} "${static}" PARENT_SCOPE)
  else()
    set(${out} "${shared}" PARENT_SCOPE)
  endif()
endfunction()

# Of CMake packages: libraries with a location.
get_property(cnproc_imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS cnproc_imported)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "SHARED_LIBRARY")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration IN LISTS configurations)
    get_target_property(shared ${target} IMPORTED_LOCATION_${configuration})
    cnproc_static_beside("${shared}" static)
    if(NOT static STREQUAL shared)
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${static}"
                            IMPORTED_SONAME_${configuration} "")
    endif()
  endforeach()
endforeach()

# Of pkg-config: a list of files.
get_target_property(libraries PkgConfig::re2 INTERFACE_LINK_LIBRARIES)
set(linked "")
foreach(library IN LISTS libraries)
  cnproc_static_beside("${library}" static)
  list(APPEND linked "${static}")
endforeach()
set_target_properties(PkgConfig::re2 PROPERTIES INTERFACE_LINK_LIBRARIES "${linked}")
