# SPDX-License-Identifier: Apache-2.0
# How every target of this project is built: warnings, sanitizers, and two functions that make one.
option(ROLLBACK_WERROR "Warnings are errors" OFF)
option(ROLLBACK_TESTS "Build the tests" OFF)
option(ROLLBACK_BENCH "Build the benchmarks" OFF)
option(ROLLBACK_FUZZ "Build the fuzzers, with clang" OFF)
set(ROLLBACK_SANITIZE "" CACHE STRING "Value of -fsanitize=")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# -O0: with the sanitizers -O1 takes three times as long to compile.
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong")
# The same for libraries, all static, and programs: a precompiled header then serves both.
add_compile_options(-fPIE)
add_link_options(-pie -fuse-ld=lld -Wl,--as-needed)
if(ROLLBACK_SANITIZE)
  # ADR 0011: null is ASan's already, object-size sees nothing at -O0, vptr guards casts that we do not
  # make, and alignment is checked where bytes are read as values (protocol).
  add_compile_options(-fsanitize=${ROLLBACK_SANITIZE} -fno-sanitize=null,alignment,object-size,vptr
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ROLLBACK_SANITIZE})
endif()

function(rollback_flags target)
  # g++ 12 at -O2 sees the empty side of tl::expected as a value (maybe-uninitialized), and an overflow
  # where two strings of known length are joined (the other two), once headers are precompiled.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    -Wold-style-cast -Wsuggest-override -Wno-maybe-uninitialized -Wno-array-bounds
    -Wno-stringop-overflow $<$<BOOL:${ROLLBACK_WERROR}>:-Werror>)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${target} PRIVATE ROLLBACK_VERSION="${PROJECT_VERSION}")
endfunction()

# rollback_library(NAME source... [PUBLIC lib...] [PRIVATE lib...])
function(rollback_library name)
  cmake_parse_arguments(arg "" "" "PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  rollback_flags(${name})
  rollback_reuse(${name} rollback_headers_all)
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# rollback_program(NAME source... PRIVATE lib...)
function(rollback_program name)
  cmake_parse_arguments(arg "" "" "PRIVATE" ${ARGN})
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  rollback_flags(${name})
  rollback_reuse(${name} rollback_headers_all)
  target_link_libraries(${name} PRIVATE ${arg_PRIVATE})
endfunction()

# rollback_test(NAME source... PRIVATE lib...): one GoogleTest program, one ctest case
function(rollback_test name)
  cmake_parse_arguments(arg "" "" "PRIVATE" ${ARGN})
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  rollback_flags(${name})
  rollback_reuse(${name} rollback_headers_tests)
  target_link_libraries(${name} PRIVATE ${arg_PRIVATE} GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
