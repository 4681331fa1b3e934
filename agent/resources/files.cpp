// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/kinds.h"

namespace rollback::kinds {

namespace {

class FilesResource final : public Resource {
 public:
  explicit FilesResource(ResourceSpec spec) : spec_(std::move(spec)) {}

  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }
  Result<ResourceScope> scope() override { return ResourceScope{spec_.paths, {}, {}}; }
  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {};
  }
  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>&) override {
    return std::vector<Complaint>{};
  }

 private:
  ResourceSpec spec_;
};

}  // namespace

std::unique_ptr<Resource> make_files(const ResourceSpec& spec, const Platform&) {
  return std::make_unique<FilesResource>(spec);
}

}  // namespace rollback::kinds
