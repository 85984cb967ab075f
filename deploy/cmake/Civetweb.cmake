# SPDX-License-Identifier: Apache-2.0
# The HTTP server as target cnproc_civetweb.
#
# Debian's libcivetweb is built without IPv6, and its TLS cannot start with OpenSSL 3 (it loads an
# unversioned libssl at run time and looks up a symbol that is gone). So its one source file is
# compiled here, from the distribution's source package.
set(CNPROC_CIVETWEB_SOURCE "" CACHE PATH
    "CivetWeb's source tree (default: build/_deps/civetweb if deploy/fetch-civetweb.sh made it)")

set(_civetweb_source "${CNPROC_CIVETWEB_SOURCE}")
if(NOT _civetweb_source)
  set(_civetweb_source "${CMAKE_SOURCE_DIR}/build/_deps/civetweb")
endif()
set(_civetweb_help "\
  To get the source on Debian and Ubuntu: deploy/fetch-civetweb.sh, then configure again.
  Elsewhere: unpack CivetWeb 1.15 or newer into build/_deps/civetweb, or pass -DCNPROC_CIVETWEB_SOURCE=<its folder>.")

if(EXISTS "${_civetweb_source}/src/civetweb.c")
  # An earlier run may have had no source.
  unset(CNPROC_CIVETWEB_LIBRARY CACHE)
  find_package(OpenSSL REQUIRED)
  add_library(cnproc_civetweb STATIC "${_civetweb_source}/src/civetweb.c")
  # It drops header fields beyond MG_MAX_HEADERS without a word. With room for one more than the
  # 64 that are let in, the server sees that there were too many.
  file(READ "${_civetweb_source}/include/civetweb.h" _civetweb_header)
  string(REPLACE "#define MG_MAX_HEADERS (64)" "#define MG_MAX_HEADERS (65)" _civetweb_header
         "${_civetweb_header}")
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/civetweb/civetweb.h" CONTENT "${_civetweb_header}"
       @ONLY)
  target_include_directories(cnproc_civetweb SYSTEM PUBLIC "${CMAKE_BINARY_DIR}/civetweb")
  # The macro of OpenSSL 3 is newer than that of 1.1, which serves for both.
  file(STRINGS "${_civetweb_source}/src/civetweb.c" _civetweb_openssl3 REGEX "OPENSSL_API_3_0"
       LIMIT_COUNT 1)
  if(_civetweb_openssl3 AND OPENSSL_VERSION VERSION_GREATER_EQUAL 3)
    set(_civetweb_api OPENSSL_API_3_0)
  else()
    set(_civetweb_api OPENSSL_API_1_1)
  endif()
  # The wake-up of the accepting thread bounds how long a stop takes. Each connection is noted when
  # it is accepted and when it is closed (exporter/web/waiting_clients.h).
  if(CNPROC_SANITIZE)
    set(_civetweb_stack_bytes 1048576)
  else()
    set(_civetweb_stack_bytes 262144)
  endif()
  target_compile_definitions(cnproc_civetweb PRIVATE
    USE_IPV6 NO_SSL_DL ${_civetweb_api} NO_FILES NO_CGI
    SOCKET_TIMEOUT_QUANTUM=1000 STOP_FLAG_NEEDS_LOCK
    accept=cnproc_civetweb_accept close=cnproc_civetweb_close
    USE_STACK_SIZE=${_civetweb_stack_bytes})
  target_compile_options(cnproc_civetweb PRIVATE -w)
  if(CNPROC_SANITIZE MATCHES "thread")
    # What its threads share among themselves is not what the tests are after. Locks and threads are
    # still seen, through the C library.
    target_compile_options(cnproc_civetweb PRIVATE -fno-sanitize=thread)
  endif()
  target_link_libraries(cnproc_civetweb PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads
                        ${CMAKE_DL_LIBS})
  set(CNPROC_CIVETWEB_FROM_SOURCE ON)
  message(STATUS "CivetWeb: compiled from ${_civetweb_source}")
elseif(CNPROC_CIVETWEB_SOURCE)
  message(FATAL_ERROR "CNPROC_CIVETWEB_SOURCE=${CNPROC_CIVETWEB_SOURCE} has no src/civetweb.c.\n"
                      "${_civetweb_help}")
else()
  find_package(OpenSSL REQUIRED)
  find_library(CNPROC_CIVETWEB_LIBRARY civetweb)
  find_path(CNPROC_CIVETWEB_INCLUDE civetweb.h)
  if(NOT CNPROC_CIVETWEB_LIBRARY OR NOT CNPROC_CIVETWEB_INCLUDE)
    message(FATAL_ERROR "CivetWeb is missing: neither its source (looked for in "
                        "${_civetweb_source}) nor the library civetweb.\n${_civetweb_help}")
  endif()
  message(WARNING "CivetWeb: no source in ${_civetweb_source}, so falling back to "
                  "${CNPROC_CIVETWEB_LIBRARY}. Debian's build of it lacks IPv6 and its TLS does "
                  "not start: the exporter listens on IPv4 alone and refuses --web.config.file "
                  "with TLS.\n${_civetweb_help}")
  add_library(cnproc_civetweb INTERFACE)
  target_include_directories(cnproc_civetweb SYSTEM INTERFACE ${CNPROC_CIVETWEB_INCLUDE})
  target_link_libraries(cnproc_civetweb INTERFACE ${CNPROC_CIVETWEB_LIBRARY} OpenSSL::SSL
                        OpenSSL::Crypto Threads::Threads)
  set(CNPROC_CIVETWEB_FROM_SOURCE OFF)
endif()
