// SPDX-License-Identifier: Apache-2.0
// stats: what the releases take. Every stored value is read, which is long where the store is
// large; so it is counted in slices, and other questions are answered in between.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "agent/service/progress.h"
#include "agent/service/verbs.h"
#include "agent/store/stats.h"

namespace rollback {

namespace {

constexpr Duration kSlice = std::chrono::milliseconds(100);
constexpr Duration kLongestSlice = std::chrono::seconds(60);

class Counting : public std::enable_shared_from_this<Counting> {
 public:
  Counting(Host& host, StreamPtr stream)
      : host_(host),
        stream_(std::move(stream)),
        version_(host.deps.snapshots.version()),
        count_(host.database),
        teller_("stats", host.deps.clock, *stream_) {}

  void begin() {
    const auto revisions = host_.deps.snapshots.revisions();
    if (!revisions) return fail(revisions.error());
    for (const auto& revision : *revisions) {
      const auto snapshot = host_.deps.snapshots.load_snapshot(revision.snapshot);
      if (snapshot)
        count_.add(revision.name, revision.snapshot, *snapshot);
      else
        stream_->note(EventLevel::kWarning,
                      revision.name.str() + " is not counted: " + snapshot.error().message);
    }
    go_on();
  }

 private:
  void go_on() {
    const BootTime until = host_.deps.clock.boot() + kSlice;
    while (host_.deps.clock.boot() < until) {
      const auto more = count_.step();
      if (!more) return fail(more.error());
      if (!*more) return finish();
      teller_.tell(count_.looked_at(), count_.bytes());
    }
    const auto posted = host_.query_worker.post(
        {"stats", kLongestSlice, [self = shared_from_this()] { self->go_on(); }});
    if (!posted) fail(posted.error());
  }

  void finish() {
    const auto disk = host_.database.disk_size();
    if (!disk) return fail(disk.error());
    const auto sizes = count_.sizes();
    // That this is not known is no reason not to tell the sizes.
    auto stays = stays_of_revisions(host_).value_or(std::map<std::string, std::string>{});
    for (const auto& size : sizes.revisions)
      stream_->send(ReleaseStats{size.revision, size.files, size.logical, size.stored, size.unique,
                                 stays[size.revision]});
    StoreStats all;
    all.revisions = static_cast<std::uint32_t>(sizes.revisions.size());
    all.logical = sizes.store.logical;
    all.distinct = sizes.store.distinct;
    all.stored = sizes.store.stored;
    all.disk = *disk;
    all.contents = sizes.store.contents;
    all.trees = sizes.store.trees;
    stream_->send(all);
    if (sizes.store.damaged > 0) say_damage(sizes.store.damaged);
    stream_->end(ExitCode::kDone, false);
  }

  void say_damage(std::uint64_t damaged) {
    const bool changed = host_.deps.snapshots.version() != version_;
    stream_->note(EventLevel::kWarning,
                  fmt::format("{} stored contents or directories could not be read and are not "
                              "counted; {}",
                              damaged,
                              changed ? "the store changed meanwhile: ask again"
                                      : "'rollbackctl verify --all' names them"));
  }

  void fail(const Error& error) { stream_->fail(exit_code_of(error), error); }

  Host& host_;
  const StreamPtr stream_;
  const std::uint64_t version_;  // of the store, when it was begun
  StoreCount count_;
  ProgressTeller teller_;
};

}  // namespace

void stats_verb(Host& host, const StreamPtr& stream) {
  std::make_shared<Counting>(host, stream)->begin();
}

}  // namespace rollback
