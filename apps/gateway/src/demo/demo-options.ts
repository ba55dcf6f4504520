import { basename } from "node:path";
import { parseArgs } from "node:util";
import { parseInstant } from "@tessera/xdm";

/** What `npm run demo` was asked to do. */
export interface DemoOptions {
  /** An event log in the REES46 form; the made-up shop without it. */
  readonly eventLog?: string;
  /** The clock stands here (ms), when the user said so. */
  readonly now?: number;
  readonly json: boolean;
  readonly store: string;
  readonly persons: number;
}

const USAGE = `npm run demo                                  a made-up shop, deterministic
npm run demo -- --events <file.csv>           an event log in the REES46 form

  --now <ISO 8601>    where the clock stands (default: now; for an event log its last event)
  --json              print one JSON summary and nothing else
  --persons <n>       customers of the made-up shop (default 3000)
  TESSERA_STORE       where to keep the data (default: a file of its own under ./data)`;

/** Reads the command line; a text to print when it cannot be followed. */
export function parseDemoOptions(
  args: readonly string[],
  env: { readonly [name: string]: string | undefined },
): { readonly options: DemoOptions } | { readonly usage: string } {
  let values: { events?: string; now?: string; json?: boolean; persons?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        events: { type: "string" },
        now: { type: "string" },
        json: { type: "boolean" },
        persons: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    return { usage: `${error instanceof Error ? error.message : String(error)}\n\n${USAGE}` };
  }
  if (values.help === true) return { usage: USAGE };
  const now = values.now === undefined ? undefined : parseInstant(values.now);
  if (now?.ok === false) return { usage: `--now: ${now.error.message}\n\n${USAGE}` };
  const persons = Number(values.persons ?? 3_000);
  if (!Number.isInteger(persons) || persons < 1)
    return { usage: `--persons: expected a whole number from 1\n\n${USAGE}` };
  const file =
    values.events === undefined ? "demo" : `demo-${basename(values.events).replace(/\.[^.]*$/, "")}`;
  return {
    options: {
      ...(values.events === undefined ? {} : { eventLog: values.events }),
      ...(now === undefined ? {} : { now: now.value }),
      json: values.json === true,
      persons,
      store: env["TESSERA_STORE"] ?? `sqlite:./data/${file}.db`,
    },
  };
}
