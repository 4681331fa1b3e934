// SPDX-License-Identifier: Apache-2.0
// One managed path -> its node, and everything below it -> trees and contents. Every directory is
// read through a descriptor of its own, so that nobody who may write in it can lead the walk
// elsewhere. Files are read by the pool while the walk goes on. Used by the run thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/capture.h"
#include "agent/capture/owner_names.h"
#include "agent/capture/read_pool.h"
#include "agent/options.h"

namespace rollback {

// What all paths of one capture share.
struct CaptureSession {
  CaptureSession(const Directory& root_in, const OwnerNames& owners_in, ContentSink& sink_in,
                 const CaptureOptions& options, ReadPool& readers_in,
                 const std::function<void(const CaptureProgress&)>& progress_in)
      : root(root_in),
        owners(owners_in),
        sink(sink_in),
        memory(options.memory),
        lists_paths(options.manifest),
        readers(readers_in),
        progress(progress_in) {}

  const Directory& root;
  const OwnerNames& owners;
  ContentSink& sink;  // its contents from the pool's threads
  RememberingSink* memory;
  bool lists_paths;
  ReadPool& readers;
  const std::function<void(const CaptureProgress&)>& progress;
  CaptureProgress done;
  std::size_t entries = 0;
  Manifest manifest;                                                        // where it lists paths
  std::map<std::pair<std::uint64_t, std::uint64_t>, HardLinkGroup> linked;  // by device and inode
  std::map<std::string, LeftOut> left_out;
};

// The names that `pattern` of `exclude` means: without '/' any name, with one at its beginning an
// absolute path, otherwise a path below the managed one. '*' does not match '/'.
bool is_excluded(const std::vector<std::string>& patterns, std::string_view managed,
                 std::string_view path);

// nullopt where nothing is there. Sockets, FIFOs and devices below it, and mount points that
// `mounts` does not name, are listed in their tree and in `left_out`. Errors name the file:
//   kConflict     it vanished, changed or gained neighbours while it was read, or nothing is
//                 mounted where `mounts` says so: its files would be taken for removed
//   kDenied       setuid, setgid or with capabilities, and not in allow_setuid
//   kConflict     the path itself is a file or link that something is mounted over
//   kUnsupported  the path itself is a socket, FIFO or device
//   kInvalid      larger than kMaxContentSize, or nested too deeply
Result<std::optional<Node>> capture_path(CaptureSession& session, const ResourceSpec& spec,
                                         const std::string& path);

}  // namespace rollback
