// A gateway in a process of its own, whose clock its parent sets: `process.send({ url })` when it answers.
import { DEFAULT_CONFIG, parseStoreAddress } from "../src/config.ts";
import { startGateway } from "../src/server.ts";
import { NOW, TOKEN } from "./harness.ts";

const [, , address = "", filesFolder = "", leaseMs = "1500"] = process.argv;
const store = parseStoreAddress(address);
if (store === undefined) throw new Error("The address of a store is expected.");
let now = NOW;
process.on("message", (message: { readonly now?: number; readonly stop?: boolean }) => {
  if (message.now !== undefined) now = message.now;
  if (message.stop === true) void gateway.close().then(() => process.disconnect());
});
// Ends with whoever started it, too.
process.on("disconnect", () => process.exit());
const gateway = await startGateway({
  config: {
    ...DEFAULT_CONFIG,
    store,
    filesFolder,
    port: 0,
    leaseMs: Number(leaseMs),
    adminToken: TOKEN,
    requestsPerMinute: 1_000_000,
    logLevel: "silent",
  },
  clock: () => now,
});
process.send?.({ url: gateway.url });
