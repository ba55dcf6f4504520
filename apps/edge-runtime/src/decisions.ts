import { decide, locationsOfScopes, toPropositions } from "@tessera/destinations-target";
import { formatInstant, type JsonObject } from "@tessera/xdm";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { Datastream } from "./datastream.ts";
import type { PersonalizationQuery } from "./event.ts";
import type { TargetTold } from "./target-told.ts";
import { targetView } from "./target-view.ts";

/** Whom and what a decision is about. */
export interface DecisionRequest {
  readonly query: PersonalizationQuery;
  readonly members: ReadonlySet<string>;
  /** Those that the hub shared: all that connections without a datastream know. */
  readonly shared: ReadonlySet<string>;
  readonly attributes: JsonObject;
  /** What splits are made by: the ECID where there is one. */
  readonly visitorId: string;
  readonly now: number;
  readonly datastream: Datastream;
}

/** What a page is to show, and what Target was told to decide it. */
export interface Decided {
  readonly propositions: readonly JsonObject[];
  readonly told: readonly TargetTold[];
}

const NOBODY: ReadonlySet<string> = new Set();
const UNASKED: Decided = { propositions: [], told: [] };

/**
 * The propositions of `personalization:decisions`: of the activities of the workspace that the datastream's Target
 * connection stands for. Of the person only what that connection maps counts; a page that cannot render changes of itself (no `dom-action` schema) is not given any.
 */
export function decidePropositions(compiled: CompiledSnapshot, request: DecisionRequest): Decided {
  const { query, datastream, visitorId } = request;
  if (datastream.target === undefined || compiled.activities.byLocation.size === 0) return UNASKED;
  const locations = locationsOfScopes([...new Set(query.decisionScopes)], compiled.activities);
  if (locations.length === 0) return UNASKED;
  const { connections, memberships } = compiled.target.of(datastream);
  const { told, attributes, ...view } = targetView(connections, {
    members: memberships === "edge" ? request.members : request.shared,
    attributes: request.attributes,
  });
  const served = compiled.target.workspaces.byDatastream.get(datastream.id) ?? [];
  const { propertyToken } = datastream.target;
  const decisions = decide(compiled.activities, {
    client: compiled.snapshot.targetClient,
    visitor: { visitorId, memberships: view.memberships, attributes },
    workspaces: new Map(served.map((name) => [name, view.byWorkspace.get(name) ?? NOBODY])),
    locations,
    now: formatInstant(request.now),
    ...(propertyToken === undefined ? {} : { property: propertyToken }),
  });
  const rendered = query.schemas.length === 0 || query.schemas.includes(DOM_ACTION);
  const shown = rendered ? decisions : decisions.filter(({ offer }) => offer.kind !== "actions");
  return { propositions: toPropositions(shown), told };
}

const DOM_ACTION = "https://ns.adobe.com/personalization/dom-action";
