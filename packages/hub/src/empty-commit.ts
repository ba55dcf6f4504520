import type { HubCommit } from "@tessera/profile-store";

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
