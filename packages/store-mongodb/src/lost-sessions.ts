import type { MongoClient, ServerSessionId } from "mongodb";

/**
 * Sessions whose transaction was left open when the deployment went out of reach. It would hold what it wrote to until
 * the server's time limit (a minute), in everyone's way; it is ended as soon as the deployment answers again.
 */
export class LostSessions {
  #lost: ServerSessionId[] = [];

  add(session: ServerSessionId): void {
    this.#lost.push(session);
  }

  /** Ends the transactions left open; what cannot be ended now is tried again the next time. */
  async end(client: MongoClient): Promise<void> {
    const lost = this.#lost;
    if (lost.length === 0) return;
    this.#lost = [];
    try {
      await client.db("admin").command({ killSessions: lost });
    } catch {
      this.#lost.push(...lost);
    }
  }
}
