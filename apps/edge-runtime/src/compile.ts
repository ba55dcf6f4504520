import type { AudienceDefinition, Issue } from "@tessera/xdm";
import { type AudiencePlan, compileAudiences } from "./audience-plan.ts";
import { serves } from "./activation.ts";
import type { CompiledSnapshot } from "./compiled-snapshot.ts";
import type { Datastream } from "./datastream.ts";
import type { EdgeNotice } from "./edge.ts";
import { type EdgeDestination, type EdgeSnapshot, parseSnapshot } from "./snapshot.ts";

/** Edge audiences look back less than a day by the documented rule; the margin covers "today" in every zone. */
const LOOK_BACK_MS = 48 * 3600 * 1000;

/**
 * Makes a snapshot ready to answer requests; `undefined` when it is none. An audience that cannot be compiled is left
 * out and reported; the others work.
 */
export function compileSnapshot(
  json: unknown,
  notice: (notice: EdgeNotice) => void,
): CompiledSnapshot | undefined {
  const parsed = parseSnapshot(json);
  if (!parsed.ok) {
    notice({ level: "error", event: "snapshot.invalid", detail: parsed.error.message });
    return undefined;
  }
  const { snapshot } = parsed.value;
  const { plan, audiences, issues } = compileEach(snapshot.audiences);
  for (const issue of [...parsed.value.issues, ...issues])
    notice({ level: "warn", event: "snapshot.part", detail: issue.message });
  return {
    snapshot,
    datastreams: new Map(snapshot.datastreams.map((datastream) => [datastream.id, datastream])),
    audiences,
    edgeAudienceIds: new Set(audiences.map(({ id }) => id)),
    destinationsOf: destinationIndex(snapshot),
    evaluate: (input, now) => plan.evaluate(input, now).members,
    eventFields: fieldsReadBy(audiences),
    lookBackMs: LOOK_BACK_MS,
    issues: [...parsed.value.issues, ...issues],
  };
}

const EMPTY_PLAN: Pick<AudiencePlan, "evaluate"> = { evaluate: () => ({ members: new Set() }) };

/** Compiles all audiences together; when that fails, finds the ones that are wrong and compiles the others. */
function compileEach(audiences: readonly AudienceDefinition[]): {
  readonly plan: Pick<AudiencePlan, "evaluate">;
  readonly audiences: readonly AudienceDefinition[];
  readonly issues: readonly Issue[];
} {
  const whole = compileAudiences(audiences);
  if (whole.ok) return { plan: whole.value, audiences, issues: [] };
  const good = audiences.filter((audience) => compileAudiences([audience]).ok);
  const rest = compileAudiences(good);
  return rest.ok
    ? { plan: rest.value, audiences: good, issues: whole.error }
    : { plan: EMPTY_PLAN, audiences: [], issues: [...whole.error, ...rest.error] };
}

/**
 * The top-level event fields edge audiences may read: every word of their queries counts, so that nothing that is
 * read is ever cut away.
 */
function fieldsReadBy(audiences: readonly AudienceDefinition[]): ReadonlySet<string> {
  const words = new Set<string>(["eventType"]);
  for (const { expression } of audiences) {
    for (const match of expression.value.matchAll(/[A-Za-z_][A-Za-z0-9_]*/g)) words.add(match[0]);
  }
  return words;
}

function destinationIndex(snapshot: EdgeSnapshot): (datastream: Datastream) => readonly EdgeDestination[] {
  const byDatastream = new Map<string, readonly EdgeDestination[]>();
  for (const datastream of snapshot.datastreams) {
    byDatastream.set(
      datastream.id,
      snapshot.destinations.filter((destination) => serves(destination, datastream)),
    );
  }
  return ({ id }) => byDatastream.get(id) ?? [];
}
