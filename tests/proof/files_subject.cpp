// SPDX-License-Identifier: Apache-2.0
#include "tests/proof/files_subject.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "tests/support/child.h"
#include "tests/support/tree_copy.h"

namespace rollback {

namespace {

namespace fs = std::filesystem;

const char* name_of(Act act) {
  switch (act) {
    case Act::kCommit:
      return "commit";
    case Act::kUndo:
      return "undo";
    case Act::kRecover:
      return "recover";
    case Act::kForget:
      return "forget";
    case Act::kCleanUp:
      return "clean-up";
  }
  return "";
}

// Interrupted, they are made again: nobody notices.
constexpr std::array kRepeated = {"openat2", "read",    "write",    "pwrite",          "getdents64",
                                  "statx",   "fstatfs", "fstatvfs", "start_write_back"};

Told told(const Status& status) { return status ? Told::kDone : Told::kFailed; }

}  // namespace

std::string judge_told(const Disturbance& what) {
  const bool done = what.told == Told::kDone;
  const bool undisturbed = std::holds_alternative<NoFault>(what.fault);
  if (undisturbed && !done) return "it failed without a fault";
  if (std::holds_alternative<ShortAt>(what.fault) && !done) return "a short transfer stopped it";
  const auto is = [&](const char* name) { return what.call.name == name; };
  if (what.error() == EINTR && !done && std::any_of(kRepeated.begin(), kRepeated.end(), is))
    return "an interrupted call was not made again";
  return "";
}

FilesSubject::FilesSubject(const Trees& trees, Act act, SyncPolicy policy, Layer layer)
    : name_(trees.name + "/" + name_of(act) + (policy == kAtOnce ? "/at-once" : "")),
      act_(act),
      disk_(trees.disk),
      layer_(std::move(layer)),
      scene_(trees.plant, policy) {
  copy_tree(scene_.host().path(), pristine_.path());
  origin_ = look_at(scene_.host().path(), {"/etc"});
  KernelSyscalls kernel;
  FaultySyscalls calls(kernel);
  calls.file_system = EXT4_SUPER_MAGIC;
  const auto done = over(disk_, calls, [&](Syscalls& used) { return scene_.commit(used); });
  if (!done) throw std::runtime_error(done.error().message);
  if (scene_.live() != scene_.target()) throw std::runtime_error("a commit does not reach its end");
  target_ = look_at(scene_.host().path(), {"/etc"});
}

void FilesSubject::arrange() {
  empty_tree(scene_.host().path());
  copy_tree(pristine_.path(), scene_.host().path());
  if (act_ == Act::kCommit) return;
  const auto until = act_ == Act::kForget    ? Until::kStaged
                     : act_ == Act::kCleanUp ? Until::kVerified
                                             : Until::kCommitted;
  const auto done =
      over(disk_, scene_.kernel(), [&](Syscalls& used) { return scene_.commit(used, 0, until); });
  if (!done) throw std::runtime_error("to begin with: " + done.error().message);
}

Told FilesSubject::act(FaultySyscalls& calls, bool sick) {
  calls.file_system = EXT4_SUPER_MAGIC;  // on which much is synced at once
  return layered(calls, [&](Syscalls& used) {
    switch (act_) {
      case Act::kCommit: {
        const auto end = told(scene_.commit(used));
        if (end != Told::kDone) (void)scene_.take_back(used);
        if (sick) (void)scene_.recover(used);
        return end;
      }
      case Act::kUndo: {
        const auto end = told(scene_.take_back(used));
        if (sick) (void)scene_.recover(used);
        return end;
      }
      case Act::kRecover:
      case Act::kForget: {
        const auto end = told(recover_all(used));
        if (sick) (void)scene_.recover(used);
        return end;
      }
      case Act::kCleanUp: {
        const auto end = told(scene_.clean_up(used));
        if (sick) (void)scene_.recover(used);
        return end;
      }
    }
    return Told::kFailed;
  });
}

// kIo when files could not all be taken back.
Status FilesSubject::recover_all(Syscalls& calls) const {
  ROLLBACK_ASSIGN(const Recovery recovered, scene_.recover(calls));
  const bool decided = recovered.decision != Recovery::Decision::kUndone ||
                       recovered.message.find(';') == std::string::npos;
  return decided ? Status() : fail(ErrorCode::kIo, recovered.message);
}

std::string FilesSubject::look(const SeenTree& wanted) const {
  return first_difference(look_at(scene_.host().path(), {"/etc"}), wanted);
}

bool FilesSubject::is_clean() const {
  const auto home = scene_.host().path() / ".rollback";
  const bool left = fs::exists(home) && !(may_leave_home_ && fs::is_empty(home));
  return !left && !fs::exists(scene_.host().path() / "state/journal");
}

std::string FilesSubject::decide(bool may_be_target, bool must_be_target) {
  return layered(scene_.kernel(), [&](Syscalls& used) -> std::string {
    const auto phase = scene_.phase(used);
    const auto recovered = scene_.recover(used);
    if (!recovered) return "recovery: " + recovered.error().message;
    const bool over = phase == RunPhase::kDone || !phase;
    const bool kept =
        act_ == Act::kCleanUp || (!over && recovered->decision == Recovery::Decision::kFinished);
    if (kept && !may_be_target) return "it ended on the target: " + recovered->message;
    if (!kept && must_be_target) return "what was done was taken back: " + recovered->message;
    const auto& wanted = kept ? target_ : origin_;
    if (auto wrong = look(wanted); !wrong.empty()) return recovered->message + ": " + wrong;
    if (const auto again = scene_.recover(used); !again)
      return "recovery again: " + again.error().message;
    if (auto wrong = look(wanted); !wrong.empty()) return "after another recovery: " + wrong;
    if (const auto cleaned = scene_.clean_up(used); !cleaned)
      return "cleaning up: " + cleaned.error().message;
    if (auto wrong = look(wanted); !wrong.empty()) return "after cleaning up: " + wrong;
    return is_clean() ? "" : "a stage or the journal was left";
  });
}

std::string FilesSubject::judge(const Disturbance& what) {
  const bool commits = act_ == Act::kCommit;
  const auto& call = what.call.name;
  if (what.told)
    if (auto wrong = judge_told(what); !wrong.empty() && (commits || act_ == Act::kUndo))
      return wrong;
  // An undo goes on when its journal does not: it can be repeated. A commit cannot.
  const bool sync = call == "fsync" || call == "fdatasync" || call == "syncfs";
  if (commits && sync && what.error() != 0 && what.told == Told::kDone)
    return "it is told done, and a sync had failed";
  // Refused, an empty directory stays, which the next run takes away.
  may_leave_home_ = act_ == Act::kCleanUp && call == "unlinkat" && what.error() != 0;
  return decide(commits || act_ == Act::kCleanUp, commits && what.told == Told::kDone);
}

std::string FilesSubject::nest(int first, int second, int third, int& kills) {
  kills = 0;
  may_leave_home_ = false;
  try {
    arrange();
    const auto dies = [&](int at, const auto& body) {
      if (at < 0) return;
      kills += was_killed([&] {
        KernelSyscalls kernel;
        FaultySyscalls calls(kernel, KillAt{at});
        calls.file_system = EXT4_SUPER_MAGIC;
        (void)layered(calls, body);
      });
    };
    dies(first, [&](Syscalls& used) { return scene_.commit(used); });
    const auto recover = [&](Syscalls& used) { return scene_.recover(used); };
    dies(second, recover);
    dies(third, recover);
    return decide(true, false);
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace rollback
