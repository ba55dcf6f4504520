import { type StoreAddress, DEFAULT_CONFIG, parseStoreAddress } from "../config.ts";
import { migrateStore } from "../migrate/migrate-store.ts";
import { describeStore, openStore } from "../store.ts";

/** `npm run migrate-store -- --from sqlite:./data/tessera.db --to mongodb://…`: copies every sandbox; stop the gateway first. */
const { argv, stdout, stderr } = process;

function option(name: string): string | undefined {
  const at = argv.indexOf(`--${name}`);
  return at < 0 ? undefined : argv[at + 1];
}

function address(name: string): StoreAddress | undefined {
  const text = option(name);
  const parsed = text === undefined ? undefined : parseStoreAddress(text);
  return parsed?.kind === "memory" ? undefined : parsed;
}

async function copyAll(from: StoreAddress, to: StoreAddress): Promise<void> {
  stdout.write(`${describeStore(from)} -> ${describeStore(to)}\n`);
  const defaultName = process.env["TESSERA_SANDBOX"]?.trim() || DEFAULT_CONFIG.defaultSandbox;
  const first = await openStore(from, { name: defaultName, isDefault: true });
  const others = (await first.documents("sandbox")).map(({ id }) => id);
  await first.close();
  for (const name of [defaultName, ...others])
    await copyOne(from, to, { name, isDefault: name === defaultName });
}

async function copyOne(
  from: StoreAddress,
  to: StoreAddress,
  sandbox: { readonly name: string; readonly isDefault: boolean },
): Promise<void> {
  const [source, target] = [await openStore(from, sandbox), await openStore(to, sandbox)];
  const after = option("sandbox") === sandbox.name ? option("after") : undefined;
  try {
    const items = await migrateStore(source, target, {
      after,
      progress: ({ items: done, next }) =>
        stdout.write(
          `\r${sandbox.name}: ${done} items${next === undefined ? "" : ` (go on with --sandbox ${sandbox.name} --after ${next})`}`,
        ),
    });
    stdout.write(`\r${sandbox.name}: ${items} items copied and counted.\n`);
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

const [from, to] = [address("from"), address("to")];
if (from === undefined || to === undefined) {
  stderr.write("Usage: migrate-store --from sqlite:<path>|mongodb://… --to sqlite:<path>|mongodb://…\n");
  process.exitCode = 2;
} else {
  await copyAll(from, to).catch((error: unknown) => {
    stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
