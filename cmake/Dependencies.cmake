# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, each as one imported target. A folder links the ones it may use PRIVATE;
# tests/structure checks that no other folder includes their headers.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(RocksDB REQUIRED)
find_package(CapnProto REQUIRED)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
# Not named zstd: RocksDB's Findzstd would take our cached zstd_INCLUDE_DIRS for its own (it is empty)
# and fail whenever CMake runs again.
pkg_check_modules(libzstd REQUIRED IMPORTED_TARGET libzstd)
add_library(PkgConfig::zstd ALIAS PkgConfig::libzstd)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
if(ROLLBACK_TESTS)
  find_package(GTest REQUIRED)
endif()
