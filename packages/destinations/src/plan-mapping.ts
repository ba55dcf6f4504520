import { digest } from "@tessera/xdm";
import { audienceKey, type MappedAudience } from "./activation-batch.ts";
import type { Dataflow, DataflowAudience } from "./dataflow.ts";
import type { EvaluateExpression } from "./map-person.ts";
import type { OutboxItem } from "./outbox.ts";
import type { PersonView } from "./person-view.ts";
import { type ActiveDataflow, planActivation } from "./plan-activation.ts";

/** Audiences that a dataflow gained or lost, and who is to be told of it. */
export interface MappingChange {
  /** Names this change for good, such as `<dataflow id>@<version>`. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly before: Dataflow | undefined;
  readonly after: Dataflow | undefined;
  readonly destination: ActiveDataflow["destination"];
  readonly persons: Iterable<PersonView>;
  readonly evaluate: EvaluateExpression;
}

/**
 * What members are to be told when audiences are mapped (backfill) or unmapped (removal): lazily, person by person, so
 * that any number of persons can be passed through. Told are only the audiences that came or went; a destination
 * without `backfill` is told of nobody who came before, one without `removals` of nobody who goes.
 */
export function* planMappingChange(change: MappingChange): Generator<OutboxItem> {
  const { before, after, destination, at, evaluate } = change;
  const { backfill, removals } = destination.capabilities;
  const gained = withAudiences(after, backfill ? difference(after, before) : []);
  // What is lost was told while it lasted; its own end must not hide that.
  const lost = withAudiences(before, removals ? difference(before, after).map(timeless) : []);
  for (const person of change.persons) {
    const id = `${change.id}\n${person.personId}`;
    for (const [dataflow, views] of [
      [lost, { before: [person], after: [{ ...person, memberships: {} }] }],
      [gained, { before: [{ ...person, memberships: {} }], after: [person] }],
    ] as const) {
      if (!dataflow) continue;
      const transition = { id, at, ...views };
      const dataflows = [{ dataflow: { ...dataflow, enabled: true }, destination }];
      for (const item of planActivation({ transitions: [transition], dataflows, now: at, evaluate })) {
        yield asBackfill(item, dataflow === gained);
      }
    }
  }
}

function timeless(audience: DataflowAudience): DataflowAudience {
  return { ...plainAudience(audience), ...(audience.schedule && { schedule: audience.schedule }) };
}

function asBackfill(item: OutboxItem, gained: boolean): OutboxItem {
  if (!gained || item.payload.kind !== "profile") return item;
  return { ...item, payload: { kind: "profile", item: { ...item.payload.item, trigger: "backfill" } } };
}

function difference(a: Dataflow | undefined, b: Dataflow | undefined): Dataflow["audiences"] {
  const there = new Set(b?.enabled ? b.audiences.map(audienceKey) : []);
  return a?.enabled ? a.audiences.filter((audience) => !there.has(audienceKey(audience))) : [];
}

function withAudiences(
  dataflow: Dataflow | undefined,
  audiences: Dataflow["audiences"],
): Dataflow | undefined {
  return dataflow && audiences.length > 0 ? { ...dataflow, audiences } : undefined;
}

/**
 * What a destination that keeps audience definitions is to be told when a dataflow is saved: audiences mapped, renamed
 * and unmapped, in this order.
 */
export function planDefinitionChanges(
  change: Pick<MappingChange, "id" | "at" | "before" | "after" | "destination">,
): readonly OutboxItem[] {
  const { before, after, destination, at } = change;
  const dataflow = after ?? before;
  if (!destination.capabilities.audienceDefinitions || !dataflow) return [];
  const known = new Map((before?.audiences ?? []).map((audience) => [audienceKey(audience), audience]));
  const renamed = (after?.audiences ?? []).filter((audience) => {
    const old = known.get(audienceKey(audience));
    return old && (old.name !== audience.name || old.description !== audience.description);
  });
  const steps = [
    ...difference(after, before).map((audience) => ["mapped", audience] as const),
    ...renamed.map((audience) => ["renamed", audience] as const),
    ...difference(before, after).map((audience) => ["unmapped", audience] as const),
  ];
  return steps.map(([step, mapped]) => {
    const audience = plainAudience(mapped);
    const item = {
      id: digest(`${change.id}\n${dataflow.id}\n${step}\n${audienceKey(audience)}`),
      change: step,
      audience,
    };
    return {
      id: item.id,
      destinationId: dataflow.destinationId,
      dataflowId: dataflow.id,
      lanes: [`audience:${audienceKey(audience)}`],
      enqueuedAt: at,
      payload: { kind: "audience", item },
    };
  });
}

/** An audience without its time and schedule. */
function plainAudience({ id, namespace, name, description, targetId }: MappedAudience): MappedAudience {
  return {
    id,
    namespace,
    name,
    ...(description !== undefined && { description }),
    ...(targetId !== undefined && { targetId }),
  };
}
