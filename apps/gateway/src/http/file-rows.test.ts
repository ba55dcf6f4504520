import { Readable } from "node:stream";
import { UnreadableRow } from "@tessera/hub";
import { describe, expect, it } from "vitest";
import { fileRows } from "./file-rows.ts";
import { FileUnreadable } from "./file-unreadable.ts";

/** The rows of a CSV file that arrives in pieces of `size` bytes; codes stand for those that cannot be read. */
async function rowsOf(bytes: Buffer, size: number): Promise<readonly unknown[]> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const rows: unknown[] = [];
  for await (const row of fileRows(Readable.from(pieces), "csv", ","))
    rows.push(row instanceof UnreadableRow ? row.code : row);
  return rows;
}

describe("rows of a CSV file", () => {
  it("that are not UTF-8 cannot be read; all others can, however the bytes arrive", async () => {
    const bytes = Buffer.concat([
      Buffer.from("id,name\n1,Zoë\n2,"),
      Buffer.from([0x4d, 0xfc]),
      Buffer.from("\n3,Möwe\n"),
    ]);
    for (const size of [1, 2, 7, 1_000])
      expect(await rowsOf(bytes, size)).toEqual([
        { id: "1", name: "Zoë" },
        "csv.encoding",
        { id: "3", name: "Möwe" },
      ]);
    expect(await rowsOf(Buffer.from("id\n\ufffd\n"), 1_000)).toEqual([{ id: "\ufffd" }]);
  });

  it("end: a file with one that does not is none", async () => {
    const endless = Buffer.from(`id\n"${"x\n".repeat(3_000_000)}`);
    await expect(rowsOf(endless, 65_536)).rejects.toThrow(FileUnreadable);
  });
});
