# SPDX-License-Identifier: Apache-2.0
# Links abseil's static libraries where the distribution ships both kinds: thirty shared ones would
# cost a twelfth of the exporter's resident memory in relocations and half-used pages.
get_property(cnproc_imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS cnproc_imported)
  get_target_property(type ${target} TYPE)
  if(NOT target MATCHES "^absl::" OR NOT type STREQUAL "SHARED_LIBRARY")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration IN LISTS configurations)
    get_target_property(shared ${target} IMPORTED_LOCATION_${configuration})
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" static "${shared}")
    if(EXISTS ${static})
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} ${static}
                            IMPORTED_SONAME_${configuration} "")
    endif()
  endforeach()
endforeach()
