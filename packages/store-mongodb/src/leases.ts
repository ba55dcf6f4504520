import type { ClientSession } from "mongodb";
import { fromStored, toStored } from "@tessera/profile-store";
import type { Collections } from "./collections.ts";
import { inOurWords, isDuplicate, MongoStoreError } from "./errors.ts";

/** The right to do a named piece of work, held for a time. `token` grows each time it changes hands. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
}

/**
 * Leases on pieces of work. Time is the server's: clocks of workers do not matter. A worker that loses its lease (it
 * stopped, or was frozen for longer than it runs) can no longer write under it: see `guard`.
 */
export class Leases {
  readonly #collections: Collections;

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  /** Takes the lease for `milliseconds`, when nobody holds it or its time is over; undefined when somebody does. */
  async acquire(name: string, holder: string, milliseconds: number): Promise<Lease | undefined> {
    try {
      const known = await this.#take(name, holder, milliseconds);
      if (known !== undefined) return known;
      await this.#collections.leases.insertOne({
        _id: toStored(name),
        holder: "",
        token: 0,
        until: new Date(0),
        writes: 0,
      });
      return await this.#take(name, holder, milliseconds);
    } catch (cause) {
      // The lease is there, so it was not taken because somebody holds it.
      if (isDuplicate(cause)) return undefined;
      throw inOurWords(cause);
    }
  }

  /** Holds the lease for `milliseconds` from now; false when it changed hands or its time is over. */
  async renew({ name, token }: Lease, milliseconds: number): Promise<boolean> {
    const { matchedCount } = await this.#collections.leases
      .updateOne({ _id: toStored(name), token, $expr: { $gt: ["$until", "$$NOW"] } }, [
        { $set: { until: { $add: ["$$NOW", milliseconds] } } },
      ])
      .catch(rethrow);
    return matchedCount === 1;
  }

  /** Gives the lease up, so that the next worker need not wait. Nothing happens when it is lost already. */
  async release({ name, token }: Lease): Promise<void> {
    await this.#collections.leases
      .updateOne({ _id: toStored(name), token }, { $set: { until: new Date(0) } })
      .catch(rethrow);
  }

  /** Who holds the leases whose names begin with `prefix` right now. */
  async held(prefix: string): Promise<readonly { readonly name: string; readonly holder: string }[]> {
    const from = toStored(prefix);
    const found = await this.#collections.leases
      .find({ _id: { $gte: from, $lt: `${from}\u{10ffff}` }, $expr: { $gt: ["$until", "$$NOW"] } })
      .toArray()
      .catch(rethrow);
    return found.map(({ _id, holder }) => ({ name: fromStored(_id), holder: fromStored(holder) }));
  }

  /**
   * Makes the session's transaction valid only while the lease is held. It writes to the lease's own document, so that
   * this transaction and one that hands the lease over cannot both succeed: a late write is refused, never merely
   * unlikely. Throws `mongodb.fenced`.
   */
  async guard({ name, token }: Lease, session: ClientSession): Promise<void> {
    const { matchedCount } = await this.#collections.leases.updateOne(
      { _id: toStored(name), token, $expr: { $gt: ["$until", "$$NOW"] } },
      { $inc: { writes: 1 } },
      { session },
    );
    if (matchedCount !== 1)
      throw new MongoStoreError("mongodb.fenced", `Acquire ${name} again before going on.`);
  }

  async #take(name: string, holder: string, milliseconds: number): Promise<Lease | undefined> {
    const document = await this.#collections.leases.findOneAndUpdate(
      { _id: toStored(name), $expr: { $lte: ["$until", "$$NOW"] } },
      [
        {
          $set: {
            holder: { $literal: toStored(holder) },
            token: { $add: ["$token", 1] },
            until: { $add: ["$$NOW", milliseconds] },
          },
        },
      ],
      { returnDocument: "after" },
    );
    return document === null ? undefined : { name, holder, token: document.token };
  }
}

function rethrow(cause: unknown): never {
  throw inOurWords(cause);
}
