export { type AudienceView, createHub, type Hub, type HubOptions, type Progress } from "./hub.ts";
export { type IngestReport } from "./ingest-queue.ts";
export { type ItemNotice } from "./ingest-batch.ts";
export { type AudienceInput, checkAudience, expressionText, parseExpression } from "./audience-lifecycle.ts";
export { type Configuration, type StoredAudience } from "./configuration.ts";
export { type Activate, type Transition } from "./decide.ts";
export { type IdentityGraphView, type ProfileView } from "./profile-view.ts";
