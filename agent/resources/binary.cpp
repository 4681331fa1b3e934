// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/kinds.h"

namespace rollback::kinds {

namespace {

constexpr Duration kVersionDeadline = std::chrono::seconds(10);

// Executables and the links that switch between them ("/opt/shop/current" -> "releases/2.4.1"): a
// link is recorded as a link; what it leads to is recorded where that is managed.
class BinaryResource final : public Resource {
 public:
  BinaryResource(ResourceSpec spec, const Platform& platform)
      : spec_(std::move(spec)), programs_(platform.programs) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }

  Result<ResourceScope> scope() override { return ResourceScope{spec_.paths, {}, version()}; }

  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {};
  }

  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>&) override {
    return std::vector<Complaint>{};
  }

 private:
  // The broken binary that is being rolled back cannot say its version either; that is no reason
  // to stop, so there is simply no such fact.
  std::vector<Fact> version() {
    if (spec_.version.empty()) return {};
    ProgramRequest request;
    request.argv = spec_.version;
    request.deadline = kVersionDeadline;
    const auto outcome = programs_.run(request);
    if (!outcome || outcome->exit_code != 0) return {};
    const auto lines = lines_of(outcome->output);
    if (lines.empty()) return {};
    return {Fact{"version", lines.front()}};
  }

  ResourceSpec spec_;
  ProgramRunner& programs_;
};

}  // namespace

std::unique_ptr<Resource> make_binary(const ResourceSpec& spec, const Platform& platform) {
  return std::make_unique<BinaryResource>(spec, platform);
}

}  // namespace rollback::kinds
