import { describe, expect, it } from "vitest";
import { IdentityTable } from "./identity-table.ts";

describe("IdentityTable", () => {
  it("keeps identities apart whose hashes are equal", () => {
    const table = new IdentityTable();
    const byHash = new Map<number, string>();
    let equal = 0;
    for (let index = 0; index < 250_000; index++) {
      const identity = { namespace: index % 2 === 0 ? "ECID" : "Email", id: `value-${index >> 1}` };
      if (table.intern(identity) !== index) throw new Error(`${identity.id} was taken for another.`);
      const hash = table.hashOf(table.namespaceNumber(identity.namespace), identity.id);
      const other = byHash.get(hash);
      if (other === undefined) byHash.set(hash, identity.id);
      else if (other !== identity.id) equal++;
    }
    expect(equal).toBeGreaterThan(0);
    for (let index = 0; index < 250_000; index += 7) {
      const identity = { namespace: index % 2 === 0 ? "ECID" : "Email", id: `value-${index >> 1}` };
      if (table.find(identity) !== index) throw new Error(`The number of ${identity.id} is another.`);
    }
  });

  it("knows a value by its text, not by where it stands in memory", () => {
    const table = new IdentityTable();
    const number = table.intern({ namespace: "Email", id: "é@example.com" });
    expect(table.find({ namespace: "Email", id: `${"é"}@${["example", "com"].join(".")}` })).toBe(number);
    expect(table.find({ namespace: "ECID", id: "é@example.com" })).toBe(-1);
    expect(table.find({ namespace: "Email", id: "e\u0301@example.com" })).toBe(-1);
  });
});
