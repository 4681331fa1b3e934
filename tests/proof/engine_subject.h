// SPDX-License-Identifier: Apache-2.0
// Whole runs of the engine on a host with nginx, a unit and its binary, over a real store. Each
// process of the agent is a child, which opens the store for itself: what it leaves is what is on
// the disk, and what systemd runs.
#pragma once

#include <memory>
#include <string>

#include "tests/agent/apply/seen_tree.h"
#include "tests/proof/disturb.h"
#include "tests/support/temp_directory.h"

namespace rollback {

// Where a host is: below it "root", "store" and the file "units".
struct HostPlace {
  std::filesystem::path root, store, units;
  explicit HostPlace(const std::filesystem::path& top)
      : root(top / "root"), store(top / "store"), units(top / "units") {}
};

// A host on v2.0.0 that knows v1.0.0; made once, by a child.
class EngineHost {
 public:
  EngineHost();
  void begin_anew() const;  // as it was made
  [[nodiscard]] HostPlace place() const { return HostPlace(live_.path()); }
  [[nodiscard]] const SeenTree& origin() const { return origin_; }
  [[nodiscard]] const SeenTree& target() const { return target_; }
  static SeenTree look(const HostPlace& place);

 private:
  TempDirectory pristine_, live_;
  SeenTree origin_, target_;
};

enum class Gate { kGreen = 1, kRed = 2 };  // of the target; the origin is green

// A run from its plan to its outcome.
class RunSubject final : public Subject {
 public:
  RunSubject(const EngineHost& host, Gate gate, Layer layer = {});
  [[nodiscard]] std::string name() const override;
  void arrange() override { host_.begin_anew(); }
  Told act(FaultySyscalls& calls, bool sick) override;
  std::string judge(const Disturbance& what) override;

 private:
  const EngineHost& host_;
  const Gate gate_;
  const Layer layer_;
};

// What the next start of the agent does after a run that was killed at its `killed_at`th call that
// changes something: files, units, record, stage.
class RestartSubject final : public Subject {
 public:
  RestartSubject(const EngineHost& host, Gate gate, int killed_at, Layer layer = {});
  [[nodiscard]] std::string name() const override;
  void arrange() override;
  Told act(FaultySyscalls& calls, bool sick) override;
  std::string judge(const Disturbance& what) override;

 private:
  const EngineHost& host_;
  const Gate gate_;
  const int killed_at_;
  const Layer layer_;
};

}  // namespace rollback
