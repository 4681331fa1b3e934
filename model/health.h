// SPDX-License-Identifier: Apache-2.0
// Probes: what they are told, what they found, and what follows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"

namespace rollback {

// kReach: green when the machine answers at all, be it that it refuses the connection. Not for
// agent.yaml: it tells something of the network, nothing of a service.
enum class ProbeKind { kHttp = 1, kTcp = 2, kUnit = 3, kExec = 4, kReach = 5 };
std::string_view to_string(ProbeKind kind) noexcept;

struct ProbeSpec {
  ProbeKind kind = ProbeKind::kHttp;
  std::string name;               // unique; defaults to "http http://127.0.0.1/healthz"
  std::string target;             // URL, "host:port", unit
  std::vector<std::string> argv;  // exec
  int expect = 200;               // http status
  std::string expect_body;        // http: the body contains it; "" asks nothing
  bool required = true;           // false: advisory, never turns a gate red
  bool before = false;            // preflight refuses while red
  bool after = true;              // part of the gate
  Duration timeout = std::chrono::seconds(2);  // total
  bool operator==(const ProbeSpec&) const = default;
};

struct ProbeResult {
  std::string name;
  bool green = false;
  bool required = true;
  std::string answer;  // "HTTP 502, expected 200", bounded to 1 KiB, printable
  Duration took{};
  bool operator==(const ProbeResult&) const = default;
};

enum class Verdict { kHealthy = 1, kDegraded = 2, kUnhealthy = 3, kUnknown = 4 };
std::string_view to_string(Verdict verdict) noexcept;

// kUnhealthy: a required probe is red. kDegraded: an advisory one. kUnknown: no probes ran.
Verdict verdict_of(const std::vector<ProbeResult>& results);

struct GateSpec {
  int successes = 3;  // in a row, all required probes at once
  Duration interval = std::chrono::milliseconds(500);
  Duration window = std::chrono::seconds(60);  // red when not reached in this time
  Duration soak = std::chrono::seconds(10);    // then this long without red or restarts
};

struct GateResult {
  bool green = false;
  std::vector<std::string> reasons;  // why red: probe answers, unit states and last log lines
  std::vector<ProbeResult> probes;   // the last round
};

}  // namespace rollback
