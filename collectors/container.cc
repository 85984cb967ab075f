// SPDX-License-Identifier: Apache-2.0
#include "collectors/dimension_collector.h"
#include "collectors/registry.h"

namespace cnproc {
namespace {

class ContainerCollector final : public DimensionCollector {
 public:
  explicit ContainerCollector(const CollectorContext& context)
      : DimensionCollector(context, Dimension::kContainer) {}

  void Collect(const Cut& cut, Families& families) const override {
    DimensionCollector::Collect(cut, families);
    FamilyWriter info = FamilyWriter::Gauge(families, "cnproc_container_info",
                                            "Always 1: who runs a container, and for which pod.");
    for (const ValueAtCut& at : ValuesAtCut(values())) {
      const Identities::Container* container = identities().container(at.id);
      if (container == nullptr) continue;
      info.Add(1, at.LabelsWith(Dimension::kContainer, {{"pod_uid", container->pod_uid},
                                                        {"runtime", container->runtime}}));
    }
  }
};

}  // namespace

std::unique_ptr<Collector> CreateContainerCollector(const CollectorContext& context) {
  return std::make_unique<ContainerCollector>(context);
}

}  // namespace cnproc
