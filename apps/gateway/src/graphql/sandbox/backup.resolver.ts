import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { HubStore } from "@tessera/profile-store";
import { Arg, Ctx, Mutation, Resolver } from "type-graphql";
import type { GatewayContext } from "../context.ts";
import { demand, failure } from "../failure.ts";
import { jobOf, JobType } from "../job/job.type.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

@Resolver()
export class BackupResolver {
  @Mutation(() => JobType, {
    description:
      "Copies the sandbox's SQLite store to <name>.db in the folder for backups while it works, in a job; a backup of the same name is replaced. `npx tessera-backup --restore` makes a store from it; MongoDB has mongodump. Permission: Manage Sandboxes.",
  })
  startBackup(
    @Arg("name", () => String, { description: "1 to 100 letters, digits, _ . - of the file, without .db." })
    name: string,
    @Ctx() context: GatewayContext,
  ): JobType {
    demand(context, "manage-sandboxes");
    if (!NAME.test(name)) throw failure("BAD_USER_INPUT", "name: expected 1 to 100 letters, digits, _ . -.");
    const { gateway, sandbox } = context;
    const { store } = sandbox;
    if (!canBackUp(store)) {
      throw failure("UNAVAILABLE", "Only SQLite stores are copied from here. MongoDB has mongodump.");
    }
    const folder = resolve(gateway.config.backupsFolder);
    const file = join(folder, `${sandbox.name}.${name}.db`);
    const job = gateway.jobs.start(sandbox.name, `backup ${name}`, async (progress) => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await store.backupTo(file, progress);
      return { file };
    });
    gateway.audit(context, { action: "backup.start", subject: job.id });
    return jobOf(job);
  }
}

interface BackedUp extends HubStore {
  readonly backupTo: (file: string, progress?: (done: number, total: number) => void) => Promise<void>;
}

function canBackUp(store: HubStore): store is BackedUp {
  return "backupTo" in store && typeof store.backupTo === "function";
}
