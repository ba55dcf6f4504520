import { createRunLedger } from "../run/run-ledger.ts";
import type { RunDocuments } from "../run/run-documents.ts";
import { expect } from "./expect.ts";

/** One case over fresh documents; `run` rejects when they break a law of the port. */
export interface RunDocumentCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

const SERIES = { dataflowId: "flow/1", audienceId: "aud 1" };
const T = (hour: number, minute = 0): string =>
  `2026-02-01T${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}:00.000Z`;
const claimant = (
  token: string,
  hour: number,
  minute = 0,
): { readonly token: string; readonly now: string; readonly leasedUntil: string } => ({
  token,
  now: T(hour, minute),
  leasedUntil: T(hour, minute + 15),
});

/**
 * The laws of `RunDocuments`, for every store. `create` makes an empty place and gives what opens it: each call as
 * another process would.
 */
export function runDocumentCases(create: () => Promise<() => RunDocuments>): readonly RunDocumentCase[] {
  const on = (name: string, body: (open: () => RunDocuments) => Promise<void>): RunDocumentCase => ({
    name,
    run: async () => body(await create()),
  });
  return [
    on("an unknown document is absent, a written one is read back at version 1", async (open) => {
      expect((await open().read("a")) === undefined, "nothing was written yet");
      expect(await open().write("a", { n: 1, list: ["ü", null, true] }, 0), "the first write is taken");
      const read = await open().read("a");
      expect(read?.version === 1, "the first version is 1");
      expect(
        JSON.stringify(read.body["list"]) === '["ü",null,true]' && read.body["n"] === 1,
        "the same body comes back",
      );
      expect((await open().read("b")) === undefined, "another id is another document");
    }),
    on("a write over an older version is refused and changes nothing", async (open) => {
      const documents = open();
      await documents.write("a", { n: 1 }, 0);
      expect(!(await documents.write("a", { n: 2 }, 0)), "a second first write is refused");
      expect(await documents.write("a", { n: 2 }, 1), "a write over the version read is taken");
      expect(!(await open().write("a", { n: 3 }, 1)), "a write over an older version is refused");
      expect(!(await open().write("c", { n: 1 }, 4)), "a write over a version that never was is refused");
      const read = await open().read("a");
      expect(read?.version === 2 && read.body["n"] === 2, "the refused write left nothing");
    }),
    on("of many writers at once one wins, each round", async (open) => {
      for (let version = 0; version < 5; version += 1) {
        const won = await Promise.all(
          Array.from({ length: 8 }, (_, writer) => open().write("a", { writer }, version)),
        );
        expect(won.filter(Boolean).length === 1, `one writer wins version ${version + 1}`);
        const read = await open().read("a");
        expect(read?.body["writer"] === won.indexOf(true), "the winner's body is what stands");
      }
    }),
    on("of many processes one gets a run; after it is done nobody does", async (open) => {
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          createRunLedger(open()).claim(SERIES, T(6), claimant(`t${n}`, 6)),
        ),
      );
      const [run, ...more] = claims.filter((claim) => claim !== undefined);
      expect(run !== undefined && more.length === 0, "one claim succeeds");
      expect(
        (await createRunLedger(open()).claim(SERIES, T(6), claimant("x", 6, 10))) === undefined,
        "a leased run is taken",
      );
      expect(
        await createRunLedger(open()).finish(run, { exportedUntil: T(6), mapping: "m" }),
        "the claimant may finish",
      );
      expect(
        (await createRunLedger(open()).claim(SERIES, T(6), claimant("y", 9))) === undefined,
        "a finished run is never claimed again",
      );
      const state = await createRunLedger(open()).state(SERIES);
      expect(
        state.lastSlot === T(6) && state.history.exportedUntil === T(6) && state.history.mapping === "m",
        "what was finished is known to every process",
      );
    }),
    on(
      "a run that broke off is taken over with its first moment; the first claimant is out",
      async (open) => {
        const ledger = createRunLedger(open());
        const first = await ledger.claim(SERIES, T(6), claimant("first", 6));
        const second = await createRunLedger(open()).claim(SERIES, T(6), claimant("second", 6, 20));
        expect(first !== undefined && second !== undefined, "an expired lease is taken over");
        expect(second.redone && second.at === first.at, "the run is redone under its first moment");
        expect(!(await ledger.renew(first, T(8))), "the first may not renew");
        expect(!(await ledger.finish(first, {})), "the first may not finish");
        expect(!(await ledger.release(first)), "the first may not release");
        expect(await ledger.renew(second, T(8)), "the second may renew");
        expect(
          (await ledger.claim(SERIES, T(6), claimant("third", 7))) === undefined,
          "a renewed lease holds",
        );
        expect(await ledger.release(second), "the second may release");
        const third = await ledger.claim(SERIES, T(6), claimant("third", 7));
        expect(third?.at === first.at, "a released run is free at once");
      },
    ),
    on("series do not touch each other", async (open) => {
      const ledger = createRunLedger(open());
      for (const audienceId of ["aud 1", "aud 2", "aud/1"])
        expect(
          (await ledger.claim({ ...SERIES, audienceId }, T(6), claimant(audienceId, 6))) !== undefined,
          `${audienceId} is claimed`,
        );
    }),
  ];
}
