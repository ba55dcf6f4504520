import type { CompositionInput as HubInput, Hub, StoredComposition } from "@tessera/hub";
import type { CompositionEnd } from "@tessera/segment-engine";
import { err, formatInstant, type Issue, ok, type Result } from "@tessera/xdm";
import type { CompositionInput, CompositionPart, CompositionType } from "./composition.type.ts";

const STARTS = ["union", "intersect", "exclude-overlap"] as const;
const ORDERS = ["descending", "ascending"] as const;

/** Reads what a composition is to be made from. */
export function compositionInputOf(input: CompositionInput): Result<HubInput, readonly Issue[]> {
  const issues: Issue[] = [];
  const start = STARTS.find((known) => known === input.start);
  if (start === undefined) issues.push(oneOf("start", STARTS));
  const end = endOf(input);
  if (!end.ok) issues.push(...end.error);
  if (start === undefined || !end.ok) return err(issues);
  return ok({
    name: input.name,
    ...(input.description && { description: input.description }),
    start,
    audiences: input.audienceIds,
    exclude: input.excludeIds,
    end: end.value,
  });
}

function endOf({ name, split, splitBy, rank }: CompositionInput): Result<CompositionEnd, readonly Issue[]> {
  if (split && rank) {
    const message = "Expected split or rank, came both. Leave one of them out.";
    return err([{ code: "composition.end", path: ["rank"], message }]);
  }
  if (rank) {
    const order = ORDERS.find((known) => known === rank.order);
    if (order === undefined) return err([oneOf("rank.order", ORDERS)]);
    return ok({ kind: "rank", name, path: rank.path, order, limit: rank.limit });
  }
  if (!split) return ok({ kind: "save", name });
  const parts = split.map((part) => ({
    name: part.name,
    ...(typeof part.percent === "number" && { percent: part.percent }),
    ...(part.values && { values: part.values }),
  }));
  return ok(splitBy ? { kind: "split-attribute", path: splitBy, parts } : { kind: "split-percent", parts });
}

function oneOf(field: string, values: readonly string[]): Issue {
  return {
    code: "composition.end",
    path: field.split("."),
    message: `${field}: expected one of ${values.join(", ")}. Correct it and try again.`,
  };
}

/** A composition as the API tells it. */
export async function compositionOf(stored: StoredComposition, hub: Hub): Promise<CompositionType> {
  const { id, name, description, start, audiences, exclude, end, audienceIds, version } = stored;
  const split = end.kind === "split-percent" || end.kind === "split-attribute" ? end.parts : [];
  const parts = await Promise.all(
    Object.entries(audienceIds).map(async ([part, audienceId]): Promise<CompositionPart> => {
      const given = split.find((one) => one.name === part);
      const view = await hub.audience(audienceId);
      return {
        name: part,
        audienceId,
        count: view?.count ?? 0,
        percent: given?.percent,
        values: given?.values,
      };
    }),
  );
  return {
    id,
    name,
    description,
    start,
    audienceIds: audiences,
    excludeIds: exclude,
    end: end.kind,
    parts,
    version,
    createdAt: formatInstant(stored.createdAt),
    updatedAt: formatInstant(stored.updatedAt),
  };
}
