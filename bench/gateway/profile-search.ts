import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHub, type Hub } from "@tessera/hub";
import { createProjectedFinder, openSqliteStore } from "@tessera/store-sqlite";

/**
 * A search by attributes over so many persons in a SQLite file, without an index (one page looks at 50,000 persons at
 * most), with one, and with one after others have changed. Rounds are interleaved; processor time is of all threads.
 *
 *   node --conditions=@tessera/source bench/gateway/profile-search.ts --persons 100000 [--json]
 */
const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const PERSONS = argument("persons", 100_000);
const ROUNDS = argument("rounds", 7);

interface Measured {
  readonly what: string;
  readonly milliseconds: number;
  readonly processorMilliseconds: number;
  readonly examined: number;
}

const record = (n: number): object => ({
  identityMap: { CRMID: [{ id: `C${String(n).padStart(9, "0")}`, primary: true }] },
  person: { name: { firstName: `First${n % 97}`, lastName: `Last${n % 5_003}` } },
  homeAddress: { city: `City${n % 53}`, country: "DE" },
  loyalty: { tier: n % 10 === 0 ? "gold" : "basic", points: n },
});

async function fill(hub: Hub): Promise<void> {
  for (let from = 0; from < PERSONS; from += 2_000)
    await hub.ingestRecords(
      "crm",
      Array.from({ length: Math.min(2_000, PERSONS - from) }, (_, n) => record(from + n)),
    );
}

async function measured(what: string, hub: Hub, where: string): Promise<Measured> {
  const [begin, used] = [performance.now(), process.cpuUsage()];
  const found = await hub.searchPersons({ where, after: "", limit: 20 });
  const { user, system } = process.cpuUsage(used);
  if (!found.ok) throw new Error(found.error.map(({ message }) => message).join(" "));
  return {
    what,
    milliseconds: performance.now() - begin,
    processorMilliseconds: (user + system) / 1_000,
    examined: found.value.examined,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const folder = mkdtempSync(join(tmpdir(), "tessera-search-"));
const store = openSqliteStore({ path: join(folder, "persons.db"), synchronous: "normal" });
const projection = store.openProjection();
const hub = await createHub({
  store,
  projection,
  finder: createProjectedFinder(projection),
  clock: () => Date.parse("2026-03-01T00:00:00Z"),
  newId: () => "unused",
});
try {
  await fill(hub);
  const begin = performance.now();
  await hub.saveSearchIndex("person.name.lastName");
  const built = performance.now() - begin;
  const rounds: Measured[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const value = (round * 701) % 5_003;
    rounds.push(
      await measured("without an index", hub, `person.name.firstName = "nobody ${round}"`),
      await measured("with an index, found", hub, `person.name.lastName = "Last${value}"`),
      await measured("with an index, nobody", hub, `person.name.lastName = "nobody ${round}"`),
    );
    await hub.ingestRecords(
      "crm",
      Array.from({ length: 1_000 }, (_, n) => ({ ...record(n), changed: round })),
    );
    rounds.push(
      await measured("with an index, after 1,000 changes", hub, `person.name.lastName = "Last${value}"`),
    );
  }
  const results = [...Map.groupBy(rounds, ({ what }) => what)].map(([what, all]) => ({
    what,
    persons: PERSONS,
    medianMs: median(all.map(({ milliseconds }) => milliseconds)),
    medianProcessorMs: median(all.map(({ processorMilliseconds }) => processorMilliseconds)),
    examined: median(all.map(({ examined }) => examined)),
  }));
  if (process.argv.includes("--json")) console.log(JSON.stringify({ builtMs: built, results }, undefined, 2));
  else {
    console.log(`index of ${PERSONS} persons built in ${built.toFixed(0)} ms`);
    console.table(results);
  }
} finally {
  await hub.drain();
  await projection.close();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
}
