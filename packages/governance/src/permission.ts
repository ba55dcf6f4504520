/** Every permission, by what it is about (experience-platform.en access-control/home.md). `implies` is granted with it. */
export const PERMISSIONS = {
  "manage-profiles": { title: "Manage Profiles", about: "profiles", implies: ["view-profiles"] },
  "view-profiles": { title: "View Profiles", about: "profiles", implies: [] },
  "export-audience": { title: "Export Audience for Segment", about: "profiles", implies: [] },
  "evaluate-segment": { title: "Evaluate a Segment to an Audience", about: "profiles", implies: [] },
  "manage-segments": { title: "Manage Segments", about: "profiles", implies: ["view-segments"] },
  "view-segments": { title: "View Segments", about: "profiles", implies: [] },
  "manage-merge-policies": {
    title: "Manage Merge Policies",
    about: "profiles",
    implies: ["view-merge-policies"],
  },
  "view-merge-policies": { title: "View Merge Policies", about: "profiles", implies: [] },
  "manage-identity-namespaces": {
    title: "Manage Identity Namespaces",
    about: "identities",
    implies: ["view-identity-namespaces"],
  },
  "view-identity-namespaces": { title: "View Identity Namespaces", about: "identities", implies: [] },
  "view-identity-graph": { title: "View Identity Graph", about: "identities", implies: [] },
  "manage-destinations": {
    title: "Manage Destinations",
    about: "destinations",
    implies: ["view-destinations"],
  },
  "view-destinations": { title: "View Destinations", about: "destinations", implies: [] },
  "activate-destinations": {
    title: "Activate Destinations",
    about: "destinations",
    implies: ["activate-without-mapping", "view-destinations"],
  },
  "activate-without-mapping": {
    title: "Activate Segment without Mapping",
    about: "destinations",
    implies: ["view-destinations"],
  },
  "activate-dataset-destinations": {
    title: "Manage and Activate Dataset Destinations",
    about: "destinations",
    implies: ["view-destinations"],
  },
  "destination-authoring": { title: "Destination Authoring", about: "destinations", implies: [] },
  "manage-sources": { title: "Manage Sources", about: "sources", implies: ["view-sources"] },
  "view-sources": { title: "View Sources", about: "sources", implies: [] },
  "apply-labels": { title: "Apply Data Usage Labels", about: "governance", implies: [] },
  "manage-policies": {
    title: "Manage Data Usage Policies",
    about: "governance",
    implies: ["view-policies"],
  },
  "view-policies": { title: "View Data Usage Policies", about: "governance", implies: [] },
  "view-activity-log": { title: "View User Activity Log", about: "governance", implies: [] },
  "manage-privacy-jobs": {
    title: "Manage Privacy Requests",
    about: "governance",
    implies: ["view-privacy-jobs"],
  },
  "view-privacy-jobs": { title: "View Privacy Requests", about: "governance", implies: [] },
  "manage-schemas": { title: "Manage Schemas", about: "data", implies: ["view-schemas"] },
  "view-schemas": { title: "View Schemas", about: "data", implies: [] },
  "manage-datasets": { title: "Manage Datasets", about: "data", implies: ["view-datasets"] },
  "view-datasets": { title: "View Datasets", about: "data", implies: [] },
  "manage-sandboxes": {
    title: "Manage Sandboxes",
    about: "sandboxes",
    implies: ["view-sandboxes", "reset-sandboxes"],
  },
  "reset-sandboxes": { title: "Reset a Sandbox", about: "sandboxes", implies: ["view-sandboxes"] },
  "view-sandboxes": { title: "View Sandboxes", about: "sandboxes", implies: [] },
  "manage-guardrails": { title: "Manage Guardrails", about: "guardrails", implies: ["view-guardrails"] },
  "view-guardrails": { title: "View Guardrails", about: "guardrails", implies: [] },
} as const;

/** The code of a permission. */
export type Permission = keyof typeof PERMISSIONS;

/** Whether a text is the code of a permission. */
export function isPermission(input: unknown): input is Permission {
  return typeof input === "string" && Object.hasOwn(PERMISSIONS, input);
}
