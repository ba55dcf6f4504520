import {
  checkComposition,
  type Composition,
  type CompositionEnd,
  composes,
  partOf,
  rankPersons,
  valueAt,
} from "@tessera/segment-engine";
import {
  err,
  formatInstant,
  identityOfKey,
  isObject,
  type Issue,
  type JsonObject,
  ok,
  type Result,
} from "@tessera/xdm";
import { externalAudience } from "./external-audience.ts";
import type { Sandbox } from "./sandbox.ts";

const PAGE = 500;
/** A day at which nobody was in a file: it ends a membership. */
const NEVER = "1970-01-01T00:00:00.000Z";

/** An audience that a composition filled. */
export interface ComposedAudience {
  readonly audienceId: string;
  readonly name: string;
  readonly count: number;
}

/** What a composition is run with. */
export interface CompositionRun {
  readonly clock: () => number;
  readonly newId: () => string;
  readonly progress: (done: number, total: number) => void;
}

type Person = Awaited<ReturnType<Sandbox["store"]["scan"]>>[number];

/**
 * Runs a composition over all persons and fills an audience for each of its parts: those who are in a part enter its
 * audience, those who no longer are leave it. The audiences are external ones: without another run members stay 30 days.
 */
export async function runComposition(
  sandbox: Sandbox,
  composition: Composition,
  { clock, newId, progress }: CompositionRun,
): Promise<Result<readonly ComposedAudience[], readonly Issue[]>> {
  const targets = new Map<
    string,
    { readonly id: string; readonly datasetId: string; readonly field: string }
  >();
  for (const name of partNames(composition.end)) {
    const audience = await externalAudience(sandbox, { name, newId });
    if (!audience.ok) return audience;
    targets.set(name, audience.value);
  }
  const chosen =
    composition.end.kind === "rank" ? await ranked(sandbox, composition, composition.end) : undefined;
  const counts = new Map<string, number>();
  const now = formatInstant(clock());
  const { persons: total } = await sandbox.store.totals();
  let done = 0;
  for await (const page of pages(sandbox)) {
    const attributes = await attributesOf(sandbox, page);
    const parts = page.map((person, index) =>
      chosen === undefined
        ? partOf(composition, {
            personId: person.personId,
            members: membersOf(person),
            attributes: attributes[index] ?? {},
          })
        : chosen.has(person.personId)
          ? [...targets.keys()][0]
          : undefined,
    );
    for (const [name, { id, datasetId, field }] of targets) {
      const records = page.flatMap((person, index): object[] => {
        const isIn = parts[index] === name;
        if (isIn) counts.set(name, (counts.get(name) ?? 0) + 1);
        return isIn || membersOf(person).has(id) ? [recordOf(person, field, isIn ? now : NEVER)] : [];
      });
      if (records.length > 0) await sandbox.hub.ingestRecords(datasetId, records);
    }
    done += page.length;
    progress(Math.min(done, total), total);
  }
  return ok([...targets].map(([name, { id }]) => ({ audienceId: id, name, count: counts.get(name) ?? 0 })));
}

/** Reads a composition; all that is wrong at once, audiences that are not there included. */
export function readComposition(input: unknown, { hub }: Sandbox): Result<Composition, readonly Issue[]> {
  if (!isComposition(input)) {
    const expected =
      "{id, start: union|intersect|exclude-overlap, audiences, exclude, end: {kind: save|split-percent|split-attribute|rank, …}}";
    return err([{ code: "composition.shape", expected, message: `Expected a composition ${expected}.` }]);
  }
  const checked = checkComposition(input);
  const { audiences } = hub.configuration();
  const unknown = [...input.audiences, ...input.exclude].filter(
    (id) => audiences.get(id)?.status !== "published",
  );
  const issues: Issue[] = checked.ok ? [] : [...checked.error];
  if (unknown.length > 0) {
    const message = "audiences, exclude: expected ids of published audiences. Publish them first.";
    issues.push({ code: "composition.audience", path: ["audiences"], message });
  }
  return issues.length > 0 ? err(issues) : ok(input);
}

function isComposition(input: unknown): input is Composition {
  if (!isObject(input)) return false;
  const { id, start, audiences, exclude, end } = input;
  const starts: readonly unknown[] = ["union", "intersect", "exclude-overlap"];
  return (
    typeof id === "string" && starts.includes(start) && areTexts(audiences) && areTexts(exclude) && isEnd(end)
  );
}

function isEnd(end: unknown): end is CompositionEnd {
  if (!isObject(end)) return false;
  const { kind, name, path, parts, order, limit } = end;
  const named = typeof name === "string" && name !== "";
  const pathed = typeof path === "string" && path !== "";
  if (kind === "save") return named;
  if (kind === "rank")
    return named && pathed && (order === "ascending" || order === "descending") && typeof limit === "number";
  if (kind !== "split-percent" && kind !== "split-attribute") return false;
  return (kind === "split-percent" || pathed) && Array.isArray(parts) && parts.every(isPart);
}

function isPart(part: unknown): boolean {
  if (!isObject(part)) return false;
  const { name, percent, values } = part;
  const shares = percent === undefined || typeof percent === "number";
  return typeof name === "string" && name !== "" && shares && (values === undefined || areTexts(values));
}

function areTexts(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every((one) => typeof one === "string");
}

function partNames(end: CompositionEnd): readonly string[] {
  return "parts" in end ? end.parts.map(({ name }) => name) : [end.name];
}

async function ranked(
  sandbox: Sandbox,
  composition: Composition,
  end: Extract<CompositionEnd, { kind: "rank" }>,
): Promise<ReadonlySet<string>> {
  const ranking = rankPersons(end);
  for await (const page of pages(sandbox)) {
    const attributes = await attributesOf(sandbox, page);
    page.forEach((person, index) => {
      if (composes(composition, membersOf(person)))
        ranking.add(person.personId, valueAt(attributes[index] ?? {}, end.path));
    });
  }
  return new Set(ranking.chosen());
}

async function* pages({ store }: Sandbox): AsyncGenerator<readonly Person[]> {
  for (let after = ""; ;) {
    const page = await store.scan(after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.personId;
    yield page.filter(({ identities }) => identities.length > 0);
  }
}

async function attributesOf({ hub }: Sandbox, page: readonly Person[]): Promise<readonly JsonObject[]> {
  const identities = page.flatMap(({ identities: [key] }) => (key === undefined ? [] : [identityOfKey(key)]));
  return (await hub.readMany(identities)).map((view) => view?.attributes ?? {});
}

function membersOf({ memberships }: Person): ReadonlySet<string> {
  return new Set(memberships.flatMap(({ audienceId, status }) => (status === "exited" ? [] : [audienceId])));
}

/** The record that says when a person was last in the audience of a field. */
function recordOf({ identities: [key] }: Person, field: string, at: string): object {
  const { namespace, id } = key === undefined ? { namespace: "", id: "" } : identityOfKey(key);
  const value = field.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), at) as object;
  return { identityMap: { [namespace]: [{ id, primary: true }] }, ...value };
}
