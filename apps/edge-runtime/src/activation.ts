import { type JsonObject, type JsonValue, UPS } from "@tessera/xdm";
import { JsonText } from "./answer.ts";
import { valueAt } from "./attribute-path.ts";
import type { Datastream } from "./datastream.ts";
import { createSlot } from "./slot.ts";
import type { AttributeMapping, EdgeDestination } from "./snapshot.ts";

/** One item of the `activation:pull` handle: the audiences of one personalization destination, for the page. */
interface ActivationPull {
  readonly type: "profileLookup";
  readonly destinationId: string;
  readonly alias: string;
  readonly segments: readonly { readonly id: string; readonly namespace: string }[];
  readonly attributes?: { readonly [name: string]: { readonly value: JsonValue } };
}

/** One item of the `activation:push` handle: a cookie to set, or an address to call. */
export type ActivationPush =
  | {
      readonly type: "cookie";
      readonly spec: {
        readonly name: string;
        readonly value: string;
        readonly domain: string;
        readonly ttlDays: number;
      };
    }
  | {
      readonly type: "url";
      readonly id: string;
      readonly spec: { readonly url: string; readonly hideReferrer: boolean; readonly ttlMinutes: number };
    };

/** Whom a destination is asked about. `attributes` only for callers that proved who they are. */
export interface ActivationSubject {
  readonly members: ReadonlySet<string>;
  readonly exited: ReadonlySet<string>;
  readonly attributes: JsonObject | undefined;
}

/** Whether a destination serves a datastream. */
export function serves(destination: EdgeDestination, datastream: Datastream): boolean {
  return destination.datastreamId === undefined || destination.datastreamId === datastream.id;
}

const told = createSlot<ReadonlySet<string>, { readonly destinations: object; readonly text: JsonText }>(
  "pulls",
);

/** `pullActivations` as text; made once as long as the same set of audiences is told to the same destinations. */
export function pullText(destinations: readonly EdgeDestination[], subject: ActivationSubject): JsonText {
  if (subject.attributes !== undefined) return JsonText.of(pullActivations(destinations, subject));
  const held = told.read(subject.members);
  if (held?.destinations === destinations) return held.text;
  const text = JsonText.of(pullActivations(destinations, subject));
  told.put(subject.members, { destinations, text });
  return text;
}

/** The mapped audiences (and attributes, for authenticated callers) of each custom personalization and Commerce destination. */
function pullActivations(
  destinations: readonly EdgeDestination[],
  subject: ActivationSubject,
): readonly ActivationPull[] {
  const pulls: ActivationPull[] = [];
  for (const destination of destinations) {
    if (destination.kind !== "custom-personalization" && destination.kind !== "commerce") continue;
    const segments = destination.audienceIds
      .filter((id) => subject.members.has(id))
      .map((id) => ({ id, namespace: UPS }));
    const pull = {
      type: "profileLookup" as const,
      destinationId: destination.id,
      alias: destination.alias,
      segments,
    };
    pulls.push(
      subject.attributes === undefined || destination.attributes.length === 0
        ? pull
        : { ...pull, attributes: mapAttributes(destination.attributes, subject.attributes) },
    );
  }
  return pulls;
}

function mapAttributes(
  mappings: readonly AttributeMapping[],
  attributes: JsonObject,
): Record<string, { readonly value: JsonValue }> {
  const out: Record<string, { readonly value: JsonValue }> = {};
  for (const { source, target } of mappings) {
    const value = valueAt(attributes, source);
    if (value !== undefined && value !== null && typeof value !== "object") out[target] = { value };
  }
  return out;
}

/** What is pushed to the page, and when each URL destination was last handed out. */
export interface PushOutcome {
  readonly pushes: readonly ActivationPush[];
  readonly pushed: { readonly [destinationId: string]: number };
}

/**
 * Cookie destinations carry the mapped audiences the person is in (`seg=<id>,<id>`); the last one left empties the
 * cookie. URL destinations are called on membership, again after their time to live.
 */
export function pushActivations(
  destinations: readonly EdgeDestination[],
  subject: ActivationSubject,
  context: {
    readonly allowed: NonNullable<Datastream["audienceManager"]>;
    readonly pushed: { readonly [destinationId: string]: number };
    readonly now: number;
  },
): PushOutcome {
  const pushes: ActivationPush[] = [];
  let { pushed } = context;
  for (const destination of destinations) {
    const members = destination.audienceIds.filter((id) => subject.members.has(id));
    if (destination.kind === "cookie" && context.allowed.cookieDestinations) {
      const { name, domain, ttlDays } = destination.cookie;
      if (members.length > 0) {
        pushes.push({ type: "cookie", spec: { name, value: `seg=${members.join(",")}`, domain, ttlDays } });
      } else if (destination.audienceIds.some((id) => subject.exited.has(id))) {
        pushes.push({ type: "cookie", spec: { name, value: "", domain, ttlDays: 0 } });
      }
    }
    if (destination.kind === "url" && context.allowed.urlDestinations && members.length > 0) {
      const due = (pushed[destination.id] ?? 0) + destination.url.ttlMinutes * 60_000;
      if (context.now < due) continue;
      pushes.push({ type: "url", id: destination.id, spec: destination.url });
      pushed = { ...pushed, [destination.id]: context.now };
    }
  }
  return { pushes, pushed };
}
