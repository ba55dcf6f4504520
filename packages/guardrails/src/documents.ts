import type { LimitSource } from "./limit.ts";

const PLATFORM = "experience-platform.en help/";

/**
 * The documents the figures come from. `date` is the date of the copy of a repository, or, for pages read one by
 * one, the day they were read; figures drawn in pictures carry the month of the revision that held them.
 */
export const DOCUMENTS: { readonly [key: string]: LimitSource } = {
  "identity-service/guardrails": platform("identity-service/guardrails.md"),
  "identity-service.yaml": api("identity-service.yaml"),
  "profile/guardrails": platform("profile/guardrails.md"),
  "profile/event-expirations": platform("profile/event-expirations.md"),
  "profile/pseudonymous-profiles": platform("profile/pseudonymous-profiles.md"),
  "profile/computed-attributes": platform("profile/computed-attributes/overview.md"),
  "profile/edge-projections": platform("profile/api/edge-projections.md"),
  "profile/privacy": platform("profile/privacy.md"),
  "ingestion/guardrails": platform("ingestion/guardrails.md"),
  "segmentation/faq": platform("segmentation/faq.md"),
  "segmentation/edge": platform("segmentation/methods/edge-segmentation.md"),
  "destinations/guardrails": platform("destinations/guardrails.md"),
  "destinations/activate-batch": platform("destinations/ui/activate-batch-profile-destinations.md"),
  "access-control/home": platform("access-control/home.md"),
  "campaign/destination": platform("destinations/catalog/email-marketing/adobe-campaign-managed-services.md"),
  "privacy-service.yaml": api("privacy-service.yaml"),
  "target/limits": {
    document: "target.en help/main/r-troubleshooting-target/target-limits.md",
    date: "2026-08-19",
  },
  "target/delivery-api": {
    document: "target-dev.en help/dev/before-implement/delivery-api-overview",
    date: "2026-07-23",
  },
  "aam/usage-limits": aam("features/administration/usage-limits.md"),
  "aam/merge-rules": aam("features/profile-merge-rules/merge-rule-definitions.md"),
  "aam/dcs": aam("api/dcs-intro/dcs-api-reference"),
  "aam/batch-files": aam("integration/sending-audience-data/batch-data-transfer-explained"),
  "edge/guardrails": { document: "data-collection-apis getting-started/guardrails.md", date: "2026-11-24" },
  "edge/api": { document: "data-collection-apis static/api-reference.yaml", date: "2026-11-24" },
  alloy: { document: "adobe/alloy getRequestRetryDelay", date: "2026-07-22" },
  "xdm/consents": {
    document: "adobe/xdm docs/reference/datatypes/consent-preferences.schema.json",
    date: "2026-08-19",
  },
  "blueprints/guardrails": {
    document: "blueprints-learn.en experience-platform/deployment/guardrails.md",
    date: "2024-12",
  },
  "blueprints/activation": {
    document: "blueprints-learn.en audience-activation/overview.md",
    date: "2021-05",
  },
  "blueprint/rtcdp-target": page("Real-time Customer Data Platform & Adobe Target"),
  "blueprint/activation": page(
    "Audience and Profile Activation with Experience Cloud Applications blueprint",
  ),
  "blueprint/campaign": page("Real-Time CDP with Adobe Campaign v8 integration pattern"),
  "blueprint/online-offline": page("Online/Offline Web Personalization Scenario"),
};

function platform(path: string): LimitSource {
  return { document: PLATFORM + path, date: "2026-11-24" };
}

function api(file: string): LimitSource {
  return { document: `experience-platform-apis ${file}`, date: "2026-06-11" };
}

function aam(path: string): LimitSource {
  return { document: `audience-manager.en help/using/${path}`, date: "2026-02-24" };
}

function page(title: string): LimitSource {
  return { document: title, date: "2026-11-24" };
}
