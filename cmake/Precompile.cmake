# SPDX-License-Identifier: Apache-2.0
# Third-party headers compiled once. ADR 0011 has the seconds.
option(ROLLBACK_PRECOMPILE "Precompile third-party headers" OFF)

# rollback_precompiled(NAME header...): a target whose precompiled headers others may reuse
function(rollback_precompiled name)
  set(source "${CMAKE_BINARY_DIR}/${name}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "")
  add_library(${name} OBJECT "${source}")
  rollback_flags(${name})
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

# rollback_reuse(TARGET NAME): compiles TARGET with the headers of NAME
function(rollback_reuse target name)
  if(ROLLBACK_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

if(ROLLBACK_PRECOMPILE)
  # ccache sees a precompiled header only in preprocessed source.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
  # A precompiled header serves one set of macros, and only targets that link fmt would define this one.
  add_compile_definitions(FMT_SHARED)
  set(rollback_headers <algorithm> <array> <chrono> <filesystem> <functional> <map> <memory> <optional>
    <set> <string> <string_view> <utility> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)
  rollback_precompiled(rollback_headers_all ${rollback_headers})
  if(ROLLBACK_TESTS)
    rollback_precompiled(rollback_headers_tests ${rollback_headers} <gmock/gmock.h>)
    target_link_libraries(rollback_headers_tests PRIVATE GTest::gmock)
  endif()
endif()
