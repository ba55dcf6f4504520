import type { IdentityKey, MembershipStatus } from "@tessera/xdm";
import type { MembershipState, PersonState } from "@tessera/profile-store";
import { readGraph, writeGraph } from "./graph-bytes.ts";
import type { Names } from "./names.ts";
import { RowReader, RowWriter } from "./row-bytes.ts";
import { fromStored, toStored } from "@tessera/profile-store";

const STATUSES: readonly MembershipStatus[] = ["realized", "existing", "exited"];
const HAS_EXPIRY = 4;
/** 1: moments of memberships in full. 2: each as its distance from the one before. 3: the graph in few bytes, no longer as text. */
const FORMAT = 3;
const FARTHEST = 2 ** 50;
const UTF8 = new TextDecoder();

/** What a person's row keeps beside its columns. */
export type StateOfRow = Omit<PersonState, "personId" | "version" | "fragments" | "nextChangeAt">;

/** Turns the part of a person that every event touches into a small row of bytes, and back. */
export class PersonStateCodec {
  readonly #names: Names;
  readonly #writer = new RowWriter();
  readonly #part = new RowWriter();

  constructor(names: Names) {
    this.#names = names;
  }

  /** Valid until the next call. */
  encode(person: PersonState): Uint8Array {
    const row = this.#writer;
    const part = this.#part;
    row.begin();
    row.varint(FORMAT);
    row.varint(person.identities.length);
    for (const key of person.identities) row.text(toStored(key));
    row.number(person.eventCount);
    row.number(person.evaluatedAt);
    row.text(person.regions === undefined ? "" : JSON.stringify(person.regions));
    this.#encodeMemberships(person.memberships);
    row.blob(part.done());
    part.begin();
    writeGraph(part, person.graph);
    row.blob(part.done());
    if (person.eventState !== undefined) row.blob(person.eventState);
    return row.done();
  }

  decode(bytes: Uint8Array): StateOfRow {
    const row = new RowReader(bytes);
    const format = row.varint();
    if (format < 1 || format > FORMAT)
      throw new Error(`A person's row has format ${format}, expected 1 to ${FORMAT}.`);
    const identities = readKeys(row);
    const eventCount = row.number();
    const evaluatedAt = row.number();
    const regions = row.text();
    const memberships = this.#decodeMemberships(row.view(), format);
    const graphBytes = row.view();
    const graph =
      format === FORMAT
        ? readGraph(new RowReader(graphBytes))
        : (JSON.parse(UTF8.decode(graphBytes)) as object);
    return {
      identities,
      graph,
      memberships,
      ...(row.atEnd ? {} : { eventState: row.blob() }),
      eventCount,
      evaluatedAt,
      ...(regions === "" ? {} : { regions: JSON.parse(regions) as Readonly<Record<string, number>> }),
    };
  }

  /** Only the identities of a row. */
  identitiesOf(bytes: Uint8Array): readonly IdentityKey[] {
    const row = new RowReader(bytes);
    row.varint();
    return readKeys(row);
  }

  #encodeMemberships(memberships: readonly MembershipState[]): void {
    const part = this.#part;
    part.begin();
    part.varint(memberships.length);
    let before = 0;
    for (const { namespace, audienceId, status, at, version, validUntil } of memberships) {
      part.varint(this.#names.audienceOf(namespace, audienceId));
      part.varint(STATUSES.indexOf(status) + (validUntil === undefined ? 0 : HAS_EXPIRY));
      writeMoment(part, at, before);
      before = at;
      part.number(version);
      if (validUntil !== undefined) part.number(validUntil);
    }
  }

  #decodeMemberships(bytes: Uint8Array, format: number): readonly MembershipState[] {
    const part = new RowReader(bytes);
    let before = 0;
    return Array.from({ length: part.varint() }, () => {
      const [namespace, audienceId] = this.#names.audience(part.varint());
      const flags = part.varint();
      const status = STATUSES[flags % HAS_EXPIRY] ?? "exited";
      const at = format === 1 ? part.number() : readMoment(part, before);
      before = at;
      const version = part.number();
      return flags < HAS_EXPIRY
        ? { namespace, audienceId, status, at, version }
        : { namespace, audienceId, status, at, version, validUntil: part.number() };
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
