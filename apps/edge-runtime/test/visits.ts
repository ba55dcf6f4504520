import { isObject } from "@tessera/xdm";
import { type Answer, type CaseRequest, Conversation } from "./conversation.ts";

/** What the handles of an answer say, taken apart for tests. */
export interface Seen {
  readonly status: number;
  readonly ecid: string | undefined;
  readonly segments: readonly string[];
  /** The edge's own word on how fresh its data is. */
  readonly profile: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
  readonly answer: Answer;
}

export function seen(answer: Answer): Seen {
  const body = isObject(answer.body) ? answer.body : {};
  const handles = (Array.isArray(body["handle"]) ? body["handle"] : []) as {
    readonly type: string;
    readonly payload: readonly Record<string, unknown>[];
  }[];
  const of = (type: string): readonly Record<string, unknown>[] =>
    handles.flatMap((handle) => (handle.type === type ? handle.payload : []));
  const warnings = (Array.isArray(body["warnings"]) ? body["warnings"] : []) as { readonly type: string }[];
  return {
    status: answer.status,
    ecid: of("identity:result").map(({ id }) => String(id))[0],
    segments: of("activation:pull").flatMap(({ segments }) =>
      (segments as { readonly id: string }[]).map(({ id }) => id),
    ),
    profile: of("tessera:profile")[0] ?? {},
    warnings: warnings.map(({ type }) => type.slice(-13)),
    answer,
  };
}

let requests = 0;

/** A visitor of the edge under the page's own domain. */
export class Visitor {
  readonly conversation: Conversation;

  constructor(url: string) {
    this.conversation = new Conversation(url, true);
  }

  /** Sends one event, `more` merged into its XDM. */
  async hit(eventType: string, more: object = {}, request: CaseRequest = {}): Promise<Seen> {
    const requestId = `10000000-0000-4000-8000-${String(++requests).padStart(12, "0")}`;
    return seen(
      await this.conversation.send({
        recorded: "later-interact",
        path: `/ee/v1/interact?configId=main&requestId=${requestId}`,
        body: { events: [{ xdm: { eventType, timestamp: "$now", ...more } }] },
        ...request,
      }),
    );
  }
}

/** One event of a person, told by a server: no device takes part. */
export async function serverHit(url: string, crmId: string, eventType: string): Promise<Seen> {
  const xdm = { eventType, identityMap: { CRMID: [{ id: crmId, primary: true }] } };
  const headers = { "content-type": "application/json" };
  const path = "/ee/v2/interact?datastreamId=main";
  return seen(await new Conversation(url, true).send({ path, headers, body: { event: { xdm } } }));
}

/** A login: the person's id beside the device's. */
export function login(id: string, primary: boolean): object {
  return { identityMap: { CRMID: [{ id, authenticatedState: "authenticated", primary }] } };
}
