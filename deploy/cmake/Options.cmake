# SPDX-License-Identifier: Apache-2.0
# How every target of this project is compiled: link it against cnproc_options.
add_library(cnproc_options INTERFACE)
target_include_directories(cnproc_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(cnproc_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(cnproc_options INTERFACE -Wthread-safety)
endif()
if(CNPROC_WERROR)
  target_compile_options(cnproc_options INTERFACE -Werror)
endif()
if(CNPROC_SANITIZE)
  # Third-party sources that are compiled here must be instrumented too, hence add_*_options.
  add_compile_options(-fsanitize=${CNPROC_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CNPROC_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong)
  add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections)
  add_compile_options(-ffunction-sections -fdata-sections)
  if(CMAKE_BUILD_TYPE MATCHES "Rel")
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
endif()
