// SPDX-License-Identifier: Apache-2.0
#include "agent/health/gate.h"

#include <fmt/format.h>

#include <algorithm>

namespace rollback {

namespace {

constexpr std::size_t kLogLines = 20;

// A watched unit as one round saw it.
struct WatchedUnit {
  std::string name;
  Result<UnitInfo> info;

  [[nodiscard]] bool is_up() const {
    return info && (info->active_state == "active" || info->active_state == "reloading");
  }
  [[nodiscard]] bool restarted_since(const WatchedUnit& then) const {
    return info && then.info &&
           (info->restarts != then.info->restarts ||
            info->invocation_id != then.info->invocation_id);
  }
};

struct Round {
  std::vector<ProbeResult> probes;
  std::vector<WatchedUnit> units;
  std::vector<std::string> others;  // red

  [[nodiscard]] bool is_green() const {
    return others.empty() &&
           std::all_of(units.begin(), units.end(), [](const auto& unit) { return unit.is_up(); }) &&
           std::all_of(probes.begin(), probes.end(),
                       [](const auto& probe) { return probe.green || !probe.required; });
  }
};

class Gate {
 public:
  Gate(const GateInput& input, Prober& prober, UnitReader& units, const Clock& clock,
       const GateWait& wait, const std::function<void(const std::string&)>& report)
      : input_(input),
        prober_(prober),
        units_(units),
        clock_(clock),
        wait_(wait),
        report_(report) {}

  GateResult run() {
    if (reach_successes() && soak()) {
      result_.green = true;
      tell("green");
    }
    result_.probes = std::move(round_.probes);
    return std::move(result_);
  }

 private:
  void tell(const std::string& line) {
    if (line != told_) report_(line);
    told_ = line;
  }

  void ask() {
    round_.probes = prober_.round(input_.probes);
    round_.units.clear();
    for (const auto& name : input_.units) round_.units.push_back({name, units_.unit(name)});
    round_.others = input_.others ? input_.others() : std::vector<std::string>{};
  }

  // Units that run now but are not the run that `start_` saw.
  [[nodiscard]] std::vector<std::string> restarted() const {
    if (start_.units.empty()) return {};
    std::vector<std::string> names;
    for (std::size_t i = 0; i < round_.units.size(); ++i)
      if (round_.units[i].restarted_since(start_.units[i])) names.push_back(round_.units[i].name);
    return names;
  }

  bool reach_successes() {
    const BootTime begin = clock_.boot();
    const BootTime end = std::min(begin + input_.spec.window, input_.deadline);
    int streak = 0;
    for (;;) {
      const BootTime next = clock_.boot() + input_.spec.interval;
      ask();
      const bool green = round_.is_green();
      // A unit that restarted in between has not been green for all of the streak.
      const bool unbroken = streak > 0 && restarted().empty();
      streak = !green ? 0 : unbroken ? streak + 1 : 1;
      if (streak == 1) start_ = round_;
      if (green && streak >= input_.spec.successes) return true;
      tell(green ? fmt::format("green {} of {} times", streak, input_.spec.successes) : summary());
      if (next > end) break;
      if (wait_(next)) return give_up("aborted while waiting for green probes");
    }
    return give_up(fmt::format("not green {} times in a row within {}", input_.spec.successes,
                               format_duration(end - begin)));
  }

  bool soak() {
    const BootTime end = clock_.boot() + input_.spec.soak;
    if (end > input_.deadline)
      return give_up(fmt::format("no time left for the soak of {} before the run's deadline",
                                 format_duration(input_.spec.soak)));
    tell(fmt::format("green {} times in a row; watching for {}", input_.spec.successes,
                     format_duration(input_.spec.soak)));
    while (clock_.boot() < end) {
      if (wait_(std::min(clock_.boot() + input_.spec.interval, end)))
        return give_up("aborted during the soak");
      ask();
      if (!round_.is_green()) return give_up("turned red during the soak");
      const auto names = restarted();
      if (!names.empty()) return give_up(fmt::format("restarted during the soak: {}", list(names)));
    }
    return true;
  }

  static std::string list(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  [[nodiscard]] std::string summary() const {
    for (const auto& probe : round_.probes)
      if (probe.required && !probe.green)
        return fmt::format("red: {}: {}", probe.name, probe.answer);
    for (const auto& unit : round_.units)
      if (!unit.is_up()) return "red: " + describe(unit);
    if (!round_.others.empty()) return "red: " + round_.others.front();
    return "green";
  }

  static std::string describe(const WatchedUnit& unit) {
    const std::string state = unit.info ? "is " + describe_state(*unit.info)
                                        : "cannot be asked: " + unit.info.error().message;
    return fmt::format("{} {}", unit.name, state);
  }

  bool give_up(std::string why) {
    tell("red: " + why);
    auto& reasons = result_.reasons;
    reasons.push_back(std::move(why));
    std::vector<std::string> red_units;
    for (std::size_t i = 0; i < round_.probes.size(); ++i) {
      const auto& probe = round_.probes[i];
      if (probe.green || !probe.required) continue;
      reasons.push_back(fmt::format("probe {}: {}", probe.name, probe.answer));
      if (input_.probes[i].kind == ProbeKind::kUnit) red_units.push_back(input_.probes[i].target);
    }
    const auto flapping = restarted();
    for (const auto& unit : round_.units) {
      const bool restarts =
          std::find(flapping.begin(), flapping.end(), unit.name) != flapping.end();
      if (unit.is_up() && !restarts) continue;
      reasons.push_back("unit " + describe(unit) +
                        (unit.info ? fmt::format(", restarts {}", unit.info->restarts) : ""));
      red_units.push_back(unit.name);
    }
    reasons.insert(reasons.end(), round_.others.begin(), round_.others.end());
    add_logs(red_units);
    return false;
  }

  void add_logs(std::vector<std::string> units) {
    std::sort(units.begin(), units.end());
    units.erase(std::unique(units.begin(), units.end()), units.end());
    for (const auto& unit : units) {
      const auto log = units_.log_tail(unit, kLogLines);
      if (!log) {
        result_.reasons.push_back(fmt::format("log of {}: {}", unit, log.error().message));
        continue;
      }
      for (const auto& line : *log)
        result_.reasons.push_back(fmt::format("log of {}: {}", unit, line));
    }
  }

  const GateInput& input_;
  Prober& prober_;
  UnitReader& units_;
  const Clock& clock_;
  const GateWait& wait_;
  const std::function<void(const std::string&)>& report_;
  Round round_;  // the last
  Round start_;  // the first of the streak
  std::string told_;
  GateResult result_;
};

}  // namespace

GateResult run_gate(const GateInput& input, Prober& prober, UnitReader& units, const Clock& clock,
                    const GateWait& wait, const std::function<void(const std::string&)>& report) {
  return Gate(input, prober, units, clock, wait, report).run();
}

}  // namespace rollback
