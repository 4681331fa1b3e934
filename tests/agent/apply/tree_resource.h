// SPDX-License-Identifier: Apache-2.0
// A resource that is its paths.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/resources/resource.h"

namespace rollback {

// Files alone: no unit, no validator.
class TreeResource final : public Resource {
 public:
  explicit TreeResource(ResourceSpec spec) : spec_(std::move(spec)) {}
  [[nodiscard]] const ResourceSpec& spec() const noexcept override { return spec_; }
  Result<ResourceScope> scope() override {
    ResourceScope scope;
    scope.paths = spec_.paths;
    return scope;
  }
  [[nodiscard]] std::vector<std::string> preview_roots(const ResourceSnapshot&) const override {
    return {};
  }
  Result<std::vector<Complaint>> validate(const ResourceSnapshot&,
                                          const std::vector<PreviewMount>&) override {
    return std::vector<Complaint>{};
  }

 private:
  const ResourceSpec spec_;
};

}  // namespace rollback
