import type { Identity, JsonObject } from "@tessera/xdm";
import type { HubView } from "./edge-profile.ts";

/** A person as the hub gives it to an edge. */
export interface HubPerson extends HubView {
  readonly identities: readonly Identity[];
}

/** What the hub answered within the budget, or that it did not. `late` brings the answer afterwards. */
export type LookupAnswer =
  | { readonly outcome: "found"; readonly person: HubPerson }
  | { readonly outcome: "not-found" }
  | { readonly outcome: "unavailable" }
  | { readonly outcome: "late"; readonly eventually: Promise<LookupAnswer> };

/** One thing on its way to the hub. */
export interface ForwardEntry {
  /** `told`: what Target was told of a person, for the delivery log. */
  readonly kind: "event" | "record" | "told";
  /** Where events and records go; of what was told, the destination. */
  readonly datasetId: string;
  /** Entries of one order key arrive in the order they were handed over: the device, or the person where there is none. */
  readonly orderKey: string;
  /** The event with its `_id`, the profile record, or the line of the log. */
  readonly body: JsonObject;
  /** Where one queue serves several sandboxes: the one it is for. */
  readonly sandbox?: string;
  /** Set when the event brings identities together: once it has arrived, the person behind this identity is asked for again. */
  readonly refresh?: Identity;
}

/** The hub as the edge sees it. */
export interface HubLink {
  /** Asks for the person behind an identity; answers after `budgetMs` at the latest. Never rejects. */
  readonly lookup: (identity: Identity, budgetMs: number) => Promise<LookupAnswer>;
  /** Resolves when the entries are kept durably; rejects when they cannot be kept. They reach the hub at least once, later. */
  readonly forward: (entries: readonly ForwardEntry[]) => Promise<void>;
}
