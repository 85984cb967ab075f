# SPDX-License-Identifier: Apache-2.0
# exporter/exposition/metrics.proto through protoc. The exporter takes the fields' numbers from the
# generated header and writes the bytes itself; only tests link the messages
# (cnproc_metrics_proto), to read them back.
find_package(Protobuf REQUIRED)
set(CNPROC_METRICS_PROTO_DIR ${CMAKE_BINARY_DIR}/proto)
set(_metrics_proto_source ${CMAKE_SOURCE_DIR}/exporter/exposition/metrics.proto)
file(MAKE_DIRECTORY ${CNPROC_METRICS_PROTO_DIR})
add_custom_command(
  OUTPUT ${CNPROC_METRICS_PROTO_DIR}/metrics.pb.cc ${CNPROC_METRICS_PROTO_DIR}/metrics.pb.h
  COMMAND protobuf::protoc --cpp_out=${CNPROC_METRICS_PROTO_DIR}
          --proto_path=${CMAKE_SOURCE_DIR}/exporter/exposition ${_metrics_proto_source}
  DEPENDS ${_metrics_proto_source} protobuf::protoc
  VERBATIM)
add_custom_target(cnproc_metrics_proto_files
  DEPENDS ${CNPROC_METRICS_PROTO_DIR}/metrics.pb.cc ${CNPROC_METRICS_PROTO_DIR}/metrics.pb.h)

# Makes the generated header known to a target, as a system header: its warnings are not ours.
function(cnproc_use_metrics_proto target)
  add_dependencies(${target} cnproc_metrics_proto_files)
  target_include_directories(${target} SYSTEM PRIVATE ${CNPROC_METRICS_PROTO_DIR}
                             ${Protobuf_INCLUDE_DIRS})
endfunction()

if(CNPROC_TESTS)
  add_library(cnproc_metrics_proto STATIC EXCLUDE_FROM_ALL
              ${CNPROC_METRICS_PROTO_DIR}/metrics.pb.cc)
  add_dependencies(cnproc_metrics_proto cnproc_metrics_proto_files)
  target_include_directories(cnproc_metrics_proto SYSTEM PUBLIC ${CNPROC_METRICS_PROTO_DIR})
  target_compile_options(cnproc_metrics_proto PRIVATE -w)
  target_link_libraries(cnproc_metrics_proto PUBLIC protobuf::libprotobuf-lite)
endif()
