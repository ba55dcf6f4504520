import { formatUsage } from "@tessera/guardrails";
import { createHub } from "@tessera/hub";
import { CATALOG } from "../catalog.ts";
import { DEFAULT_CONFIG, parseStoreAddress } from "../config.ts";
import { openStore } from "../store.ts";

/** `npm run guardrails`: all limits of the default sandbox with use, trend and the date of reaching them. */
const text = process.env["TESSERA_STORE"]?.trim();
const address = text ? parseStoreAddress(text) : DEFAULT_CONFIG.store;
if (address === undefined) {
  process.stderr.write("TESSERA_STORE: expected sqlite:<path>, memory: or mongodb://…\n");
  process.exitCode = 2;
} else {
  const store = await openStore(address, { name: "prod", isDefault: true });
  try {
    const hub = await createHub({
      store,
      clock: Date.now,
      newId: () => crypto.randomUUID(),
      catalog: CATALOG,
    });
    const rows = await hub.limitsReport();
    process.stdout.write(`${process.argv.includes("--json") ? JSON.stringify(rows) : formatUsage(rows)}\n`);
  } finally {
    await store.close();
  }
}
