import type { Fragment, StoredRecord } from "@tessera/profile-store";
import type { JsonObject } from "@tessera/xdm";
import { decodeBody, encodeBody } from "./body.ts";
import type { Names } from "./names.ts";

/** A fragment in its row: data set, owner, time, times or 0, and the body itself or the number of the record that is its body. */
type FragmentTuple = readonly [
  dataset: number,
  owner: string,
  at: number,
  times: Readonly<Record<string, number>> | 0,
  body: JsonObject | number,
  state?: JsonObject,
];

/**
 * The attributes of a person as one row. A fragment that an upsert left untouched *is* the body of that record, and most
 * are: the row then names the record instead of holding its body a second time.
 */
export class FragmentCodec {
  readonly #names: Names;
  #recordOf = new WeakMap<JsonObject, number>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** Learns that `record` was stored as row `id`, so that fragments with this very body can refer to it. */
  stored(record: StoredRecord, id: number): void {
    this.#recordOf.set(record.body, id);
  }

  /** The row of `record` was undone with its transaction. */
  undone(record: StoredRecord): void {
    this.#recordOf.delete(record.body);
  }

  /** Rows of records were deleted: their numbers may be given anew. */
  forgetRows(): void {
    this.#recordOf = new WeakMap();
  }

  /** Learns that `body` is the body of the record in row `id`. */
  refer(body: JsonObject, id: number): void {
    this.#recordOf.set(body, id);
  }

  encode(fragments: readonly Fragment[]): string | Uint8Array {
    return encodeBody(
      fragments.map(({ datasetId, owner, body, at, times, state }): FragmentTuple => {
        const dataset = this.#names.idOf(datasetId);
        const held = this.#recordOf.get(body) ?? body;
        return state === undefined
          ? [dataset, owner, at, times ?? 0, held]
          : [dataset, owner, at, times ?? 0, held, state];
      }),
    );
  }

  /** `bodyOf` reads the body of a record by its row. */
  decode(stored: string | Uint8Array, bodyOf: (record: number) => JsonObject): readonly Fragment[] {
    return (decodeBody(stored) as readonly FragmentTuple[]).map(
      ([dataset, owner, at, times, held, state]) => {
        const body = typeof held === "number" ? bodyOf(held) : held;
        if (typeof held === "number") this.#recordOf.set(body, held);
        const datasetId = this.#names.nameOf(dataset);
        return {
          datasetId,
          owner,
          body,
          at,
          ...(times === 0 ? {} : { times }),
          ...(state === undefined ? {} : { state }),
        };
      },
    );
  }
}
