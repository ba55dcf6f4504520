import type { IdentityKey, MembershipStatus } from "@tessera/xdm";
import type { MembershipState, PersonState } from "@tessera/profile-store";
import { readGraph, writeGraph } from "./graph-bytes.ts";
import type { Names } from "./names.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";
import { fromStored, toStored } from "@tessera/profile-store";

const STATUSES: readonly MembershipStatus[] = ["realized", "existing", "exited"];
const HAS_EXPIRY = 4;
/**
 * 1: moments of memberships in full. 2: each as its distance from the one before. 3: the graph in few bytes, no longer as
 * text. 4: identities are those of the graph, and only what is there is written; the graph comes last.
 */
const FORMAT = 4;
const GRAPH_IN_BYTES = 3;
/** What the second number of a row of format 4 says is there. */
const HAS = { identities: 1, regions: 2, eventState: 4 } as const;
const FARTHEST = 2 ** 50;
const UTF8 = new TextDecoder();

/** What a person's row keeps beside its columns. */
export type StateOfRow = Omit<PersonState, "personId" | "version" | "fragments" | "nextChangeAt">;

/** Turns the part of a person that every event touches into a small row of bytes, and back. */
export class PersonStateCodec {
  readonly #names: Names;
  readonly #writer = new RowWriter();

  constructor(names: Names) {
    this.#names = names;
  }

  /** Valid until the next call. */
  encode(person: PersonState): Uint8Array {
    const row = this.#writer;
    const { identities, regions, eventState } = person;
    const isOfGraph = areOfGraph(identities, person.graph);
    row.begin();
    row.varint(FORMAT);
    row.varint(
      (isOfGraph ? 0 : HAS.identities) +
        (regions === undefined ? 0 : HAS.regions) +
        (eventState === undefined ? 0 : HAS.eventState),
    );
    if (!isOfGraph) {
      row.varint(identities.length);
      for (const key of identities) row.text(toStored(key));
    }
    row.number(person.eventCount);
    row.number(person.evaluatedAt);
    if (regions !== undefined) row.text(JSON.stringify(regions));
    this.#encodeMemberships(person.memberships);
    if (eventState !== undefined) row.blob(eventState);
    writeGraph(row, person.graph);
    return row.done();
  }

  decode(bytes: Uint8Array): StateOfRow {
    const row = new RowReader(bytes);
    const format = row.varint();
    if (format < 1 || format > FORMAT)
      throw new Error(`A person's row has format ${format}, expected 1 to ${FORMAT}.`);
    return format === FORMAT ? this.#decode(row) : this.#decodeEarlier(row, format);
  }

  /** Only the identities of a row. */
  identitiesOf(bytes: Uint8Array): readonly IdentityKey[] {
    return this.decode(bytes).identities;
  }

  #decode(row: RowReader): StateOfRow {
    const has = row.varint();
    const listed = (has & HAS.identities) === 0 ? undefined : readKeys(row);
    const eventCount = row.number();
    const evaluatedAt = row.number();
    const regions = (has & HAS.regions) === 0 ? undefined : readRegions(row.text());
    const memberships = this.#decodeMemberships(row, FORMAT);
    const eventState = (has & HAS.eventState) === 0 ? undefined : row.blob();
    const graph = readGraph(row);
    return {
      identities: listed ?? keysOfGraph(graph),
      graph,
      memberships,
      ...(eventState === undefined ? {} : { eventState }),
      eventCount,
      evaluatedAt,
      ...(regions === undefined ? {} : { regions }),
    };
  }

  #decodeEarlier(row: RowReader, format: number): StateOfRow {
    const identities = readKeys(row);
    const eventCount = row.number();
    const evaluatedAt = row.number();
    const regions = row.text();
    const memberships = this.#decodeMemberships(new RowReader(row.view()), format);
    const graphBytes = row.view();
    const graph =
      format === GRAPH_IN_BYTES
        ? readGraph(new RowReader(graphBytes))
        : (JSON.parse(UTF8.decode(graphBytes)) as object);
    return {
      identities,
      graph,
      memberships,
      ...(row.atEnd ? {} : { eventState: row.blob() }),
      eventCount,
      evaluatedAt,
      ...(regions === "" ? {} : { regions: readRegions(regions) }),
    };
  }

  #encodeMemberships(memberships: readonly MembershipState[]): void {
    const row = this.#writer;
    row.varint(memberships.length);
    let before = 0;
    for (const { namespace, audienceId, status, at, version, validUntil } of memberships) {
      row.varint(this.#names.audienceOf(namespace, audienceId));
      row.varint(STATUSES.indexOf(status) + (validUntil === undefined ? 0 : HAS_EXPIRY));
      writeMoment(row, at, before);
      before = at;
      row.number(version);
      if (validUntil !== undefined) row.number(validUntil);
    }
  }

  #decodeMemberships(row: RowReader, format: number): readonly MembershipState[] {
    let before = 0;
    return Array.from({ length: row.varint() }, () => {
      const [namespace, audienceId] = this.#names.audience(row.varint());
      const flags = row.varint();
      const status = STATUSES[flags % HAS_EXPIRY] ?? "exited";
      const at = format === 1 ? row.number() : readMoment(row, before);
      before = at;
      const version = row.number();
      return flags < HAS_EXPIRY
        ? { namespace, audienceId, status, at, version }
        : { namespace, audienceId, status, at, version, validUntil: row.number() };
    });
  }
}

/** A moment as its distance from another, odd when it lies before it; -1 announces one that is written in full. */
function writeMoment(row: RowWriter, at: number, before: number): void {
  const distance = at - before;
  if (Number.isInteger(distance) && Math.abs(distance) < FARTHEST && before + distance === at) {
    row.number(distance < 0 ? -2 * distance - 1 : 2 * distance);
    return;
  }
  row.number(-1);
  row.number(at);
}

function readMoment(row: RowReader, before: number): number {
  const distance = row.number();
  if (distance === -1) return row.number();
  return before + (distance % 2 === 0 ? distance / 2 : -(distance + 1) / 2);
}

function readKeys(row: RowReader): readonly IdentityKey[] {
  return Array.from({ length: row.varint() }, () => fromStored(row.text()));
}

function readRegions(text: string): Readonly<Record<string, number>> {
  return JSON.parse(text) as Readonly<Record<string, number>>;
}

/** A graph as far as a store looks into it: identities by their keys. */
interface WithKeys {
  readonly identities: readonly { readonly key: IdentityKey }[];
}

/** Whether a person's identities are those that the graph lists, in its order. */
function areOfGraph(identities: readonly IdentityKey[], graph: object): boolean {
  const { identities: listed } = graph as Partial<WithKeys>;
  if (!Array.isArray(listed) || listed.length !== identities.length) return false;
  for (let index = 0; index < listed.length; index += 1) {
    if ((listed[index] as Partial<WithKeys["identities"][number]> | null)?.key !== identities[index])
      return false;
  }
  return true;
}

function keysOfGraph(graph: object): readonly IdentityKey[] {
  return (graph as WithKeys).identities.map(({ key }) => key);
}
