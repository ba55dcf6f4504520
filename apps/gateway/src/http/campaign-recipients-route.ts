import type { RecipientList } from "@tessera/destinations-campaign";
import { isObject } from "@tessera/xdm";
import type { Context } from "hono";
import { saveRecipients } from "../campaign/recipients.ts";
import type { Gateway } from "../gateway.ts";
import { decoded } from "./collect.ts";
import { fileRows, formatOf } from "./file-rows.ts";
import { refuse, type RouteEnv } from "./request-scope.ts";
import { refusedImport } from "./rows-route.ts";

/**
 * `POST /campaign/recipients?instance=acme&targetMapping=mapRecipient&column=external_id`: the recipients that a Campaign
 * instance has, one a row (CSV, NDJSON, JSON, Parquet), by the column that is the key of its files. The list takes the place of the
 * one before; persons who are not on it are left out of files, since Campaign's recipients are Campaign's to make.
 */
export function campaignRecipientsRoute(gateway: Gateway): (context: Context<RouteEnv>) => Promise<Response> {
  return async (context) => {
    const refused = refusedImport(gateway, context);
    if (refused !== undefined) return refused;
    const asked = (name: string): string => context.req.query(name) ?? "";
    const list: RecipientList = {
      instance: asked("instance"),
      targetMapping: asked("targetMapping"),
      column: asked("column"),
    };
    const format = formatOf(context.req.query("format"), context.req.header("content-type"));
    const body = decoded(context.env.incoming);
    if (Object.values(list).includes("") || format === undefined || body === undefined) {
      const message =
        "Expected ?instance=, &targetMapping= and &column=<the key of the files>, &format=csv, ndjson, json or parquet, and Content-Encoding gzip, deflate, br or none.";
      return refuse(context, 400, { code: "BAD_REQUEST", message });
    }
    let without = 0;
    async function* keys(rows: AsyncIterable<unknown>): AsyncGenerator<string> {
      for await (const row of rows) {
        const key = isObject(row) ? row[list.column] : undefined;
        if (typeof key === "string" && key !== "") yield key;
        else if (typeof key === "number") yield String(key);
        else without += 1;
      }
    }
    const rows = fileRows(body, format, context.req.query("separator") ?? ",");
    const { sandbox, principal, requestId } = context.var;
    const recipients = await saveRecipients(sandbox.store, list, {
      keys: keys(rows),
      round: gateway.newId(),
    });
    gateway.audit(
      { principal, sandbox, requestId },
      { action: "campaign.recipients", subject: list.instance },
    );
    return context.json({ recipients, rowsWithoutKey: without });
  };
}
