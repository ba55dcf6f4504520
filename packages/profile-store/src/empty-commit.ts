import type { HubCommit } from "./hub-store.ts";

/** A commit that changes nothing: what partial commits are built on. */
export const emptyCommit: HubCommit = {
  persons: [],
  events: [],
  records: [],
  memberships: [],
  outbox: [],
  quarantine: [],
  documents: [],
  counters: {},
};
