import { emptyCommit, type DocumentWrite, type HubStore } from "@tessera/profile-store";
import { checkLimit, isRefused } from "@tessera/guardrails";
import { checkComposition, type Composition, type CompositionEnd } from "@tessera/segment-engine";
import { err, type Issue, type JsonObject, ok, parseJson, type Result } from "@tessera/xdm";
import { audienceWrite, circles, dependentsOf, nameIssues } from "./audience-lifecycle.ts";
import {
  COMPOSITION,
  type Configuration,
  type StoredAudience,
  type StoredComposition,
} from "./configuration.ts";

/** What a composition is made from. */
export type CompositionInput = Pick<Composition, "start" | "audiences" | "exclude" | "end"> & {
  readonly name: string;
  readonly description?: string;
};

/** Compositions of audiences: their parts are audiences of their own, evaluated by jobs. */
export interface Compositions {
  readonly compositions: () => readonly StoredComposition[];
  /** Makes a composition and its audiences, or changes it: parts of the same name keep their audience. */
  readonly saveComposition: (
    input: CompositionInput,
    id?: string,
    options?: {
      /** Makes one under the id when there is none. */
      readonly create?: boolean;
      /** Audiences are called as their parts are, without the name of the composition. */
      readonly bareNames?: boolean;
    },
  ) => Promise<Result<StoredComposition, readonly Issue[]>>;
  /** Removes a composition and its audiences; refused while other audiences refer to these. */
  readonly deleteComposition: (id: string) => Promise<Result<StoredComposition, readonly Issue[]>>;
}

/** The composing side of a hub. */
export function createCompositions(options: {
  readonly store: HubStore;
  readonly clock: () => number;
  readonly newId: () => string;
  readonly configuration: () => Configuration;
  readonly reload: () => Promise<void>;
  /** Ends the memberships of audiences that are gone with a composition. */
  readonly retire: (id: string) => Promise<void>;
}): Compositions {
  const { store, clock, newId, configuration, reload, retire } = options;
  const commit = async (documents: readonly DocumentWrite[]): Promise<boolean> => {
    const { ok: committed } = await store.commit({ ...emptyCommit, documents });
    await reload();
    return committed;
  };
  return {
    compositions: () => [...configuration().compositions.values()],
    saveComposition: async (input, id, { create = false, bareNames = false } = {}) => {
      const before = id === undefined ? undefined : configuration().compositions.get(id);
      if (id !== undefined && before === undefined && !create) return err([MISSING]);
      const planned = planComposition(input, {
        before,
        id: id ?? newId(),
        bareNames,
        newId,
        now: clock(),
        configuration: configuration(),
      });
      if (!planned.ok) return planned;
      const { composition, audiences } = planned.value;
      const { revision, ...body } = composition;
      const document = {
        kind: COMPOSITION,
        id: composition.id,
        expectedVersion: revision,
        body: jsonOf(body),
      };
      if (!(await commit([document, ...audiences.map(audienceWrite)]))) return err([CONFLICT]);
      if (audiences.some(({ status }) => status === "deleted")) await retire(composition.id);
      return ok(configuration().compositions.get(composition.id) ?? composition);
    },
    deleteComposition: async (id) => {
      const composition = configuration().compositions.get(id);
      if (composition === undefined) return err([MISSING]);
      const audiences = audiencesOf(composition, configuration());
      const issues = audiences.flatMap((audience) => gone(audience, configuration()));
      if (issues.length > 0) return err(issues);
      const document = { kind: COMPOSITION, id, expectedVersion: composition.revision };
      const deleted = audiences.map((audience) => audienceWrite(deletedOf(audience, clock())));
      if (!(await commit([document, ...deleted]))) return err([CONFLICT]);
      await retire(id);
      return ok(composition);
    },
  };
}

interface PlannedComposition {
  readonly composition: StoredComposition;
  readonly audiences: readonly StoredAudience[];
}

/** Checks a composition and plans its audiences; every issue at once. */
function planComposition(
  input: CompositionInput,
  scene: {
    readonly before: StoredComposition | undefined;
    readonly id: string;
    readonly bareNames: boolean;
    readonly newId: () => string;
    readonly now: number;
    readonly configuration: Configuration;
  },
): Result<PlannedComposition, readonly Issue[]> {
  const { before, id, bareNames, newId, now, configuration } = scene;
  const { name, description, start, audiences, exclude, end } = input;
  const given: Composition = { id, start, audiences, exclude, end };
  const checked = checkComposition(given);
  const issues: Issue[] = checked.ok ? [] : [...checked.error];
  issues.push(...inputIssues(audiences, "audiences", configuration));
  issues.push(...inputIssues(exclude, "exclude", configuration));
  const used = configuration.compositions.size + (before === undefined ? 1 : 0);
  const limit = checkLimit(configuration.limits["segmentation.compositions"], used);
  if (before === undefined && isRefused(limit))
    issues.push({ code: `limit.${limit.limit.id}`, message: `${limit.message} ${limit.whatToDo}` });
  const parts = partsOf(end);
  const audienceIds = Object.fromEntries(
    parts.map((part) => [part, (before && own(before.audienceIds, part)) ?? newId()]),
  );
  const made = parts.map((part): StoredAudience => {
    const audienceId = audienceIds[part] ?? "";
    const was = configuration.audiences.get(audienceId);
    return {
      id: audienceId,
      name: bareNames || end.kind === "save" || end.kind === "rank" ? part : `${name}: ${part}`,
      description: description ?? `Comes out of the composition ${name}.`,
      expression: { type: "PQL", format: "pql/text", value: takersOf(given, part) },
      evaluation: "batch",
      // Who refuses is not in the audiences that it starts with.
      excludeOptOut: false,
      version: (was?.version ?? 0) + 1,
      status: was?.status === "inactive" ? "inactive" : "published",
      since: now,
      createdAt: was?.createdAt ?? now,
      updatedAt: now,
      composition: { id, part },
      revision: was?.revision ?? 0,
    };
  });
  for (const audience of made) {
    issues.push(...nameIssues(audience.name, { id: audience.id, configuration }));
    if (checked.ok) issues.push(...circles(audience, configuration));
  }
  const left = before === undefined ? [] : audiencesOf(before, configuration);
  const removed = left.filter((audience) => !made.some((kept) => kept.id === audience.id));
  issues.push(...removed.flatMap((audience) => gone(audience, configuration)));
  if (issues.length > 0) return err(issues);
  return ok({
    composition: {
      ...given,
      name,
      ...(description === undefined ? {} : { description }),
      audienceIds,
      version: (before?.version ?? 0) + 1,
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      revision: before?.revision ?? 0,
    },
    audiences: [...made, ...removed.map((audience) => deletedOf(audience, now))],
  });
}

/** The audiences that a composition may take: published ones that come out of no other composition. */
function inputIssues(
  ids: readonly string[],
  path: "audiences" | "exclude",
  configuration: Configuration,
): readonly Issue[] {
  return ids.flatMap((id, index): readonly Issue[] => {
    const audience = configuration.audiences.get(id);
    const at = { path: [path, index], expected: "a published audience that comes out of no composition" };
    if (audience?.status !== "published") {
      const message = `${path}.${index}: expected a published audience. Publish it first, or take it out.`;
      return [{ code: "composition.audiences", ...at, message }];
    }
    if (audience.composition === undefined) return [];
    const message = `${path}.${index}: expected an audience that comes out of no other composition. A composition cannot feed another one.`;
    return [{ code: "composition.audiences", ...at, message }];
  });
}

/** The names of the parts that persons end in. */
function partsOf(end: CompositionEnd): readonly string[] {
  return end.kind === "save" || end.kind === "rank" ? [end.name] : end.parts.map(({ name }) => name);
}

/** Who takes part, as a query: for people to read, and for what refers to what. */
function takersOf({ start, audiences, exclude, end }: Composition, part: string): string {
  const held = audiences.map(inSegment);
  const starts = ((): string => {
    if (start === "union") return held.join(" or ");
    if (start === "intersect") return held.join(" and ");
    const one = held.map((text, index) =>
      [text, ...held.filter((_, other) => other !== index).map((other) => `not(${other})`)].join(" and "),
    );
    return one.map((text) => `(${text})`).join(" or ");
  })();
  const out = exclude.map((id) => ` and not(${inSegment(id)})`).join("");
  const values =
    end.kind === "split-attribute" ? end.parts.find(({ name }) => name === part)?.values : undefined;
  const fits =
    end.kind === "split-attribute" ? ` and ${pathOf(end.path)} in ${JSON.stringify(values ?? [])}` : "";
  return `(${starts})${out}${fits}`;
}

function inSegment(id: string): string {
  return `inSegment(${JSON.stringify(id)})`;
}

/** A dotted path as PQL writes it, whatever the names. */
function pathOf(path: string): string {
  return `$1${path
    .split(".")
    .map((name) => `[${JSON.stringify(name)}]`)
    .join("")}`;
}

function audiencesOf(
  composition: StoredComposition,
  { audiences }: Configuration,
): readonly StoredAudience[] {
  return Object.values(composition.audienceIds).flatMap((id) => audiences.get(id) ?? []);
}

function deletedOf(audience: StoredAudience, now: number): StoredAudience {
  return { ...audience, status: "deleted", updatedAt: now };
}

/** What stands against taking an audience away. */
function gone(audience: StoredAudience, configuration: Configuration): readonly Issue[] {
  const dependents = dependentsOf(audience.id, configuration);
  if (dependents.length === 0) return [];
  const message = `${audience.name} is used by ${dependents.join(", ")}. Change or remove them first.`;
  return [{ code: "audience.dependents", message }];
}

function own(record: { readonly [name: string]: string }, name: string): string | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function jsonOf(body: object): JsonObject {
  const json = parseJson(body);
  if ("badPath" in json) throw new Error("A composition is JSON data.");
  return json.value as JsonObject;
}

const MISSING: Issue = { code: "notFound", message: "No such composition in this sandbox." };
const CONFLICT: Issue = {
  code: "conflict",
  message: "Someone else changed this meanwhile. Read it again and repeat.",
};
