import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { filterIdentities } from "./index.ts";

const ECID = "12345678901234567890123456789012345678";
const HASH = "0c7e6a405862e402eb76a70f8a26fc732d07c32931e9fae9ab1582911d2e8a3b";
const DEVICE = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

const CASES: readonly { name: string; given: [string, string][]; shared: string[]; leftOut: string[] }[] = [
  { name: "ECID", given: [["ECID", ECID]], shared: [`ECID:${ECID}`], leftOut: [] },
  {
    name: "IDFA comes out in upper case",
    given: [["IDFA", DEVICE]],
    shared: [`IDFA:${DEVICE.toUpperCase()}`],
    leftOut: [],
  },
  {
    name: "GAID in lower case",
    given: [["GAID", DEVICE.toUpperCase()]],
    shared: [`GAID:${DEVICE}`],
    leftOut: [],
  },
  {
    name: "the hashed e-mail under either spelling of its code, once",
    given: [
      ["Email_LC_SHA256", HASH],
      ["EMAIL_LC_SHA256", HASH.toUpperCase()],
    ],
    shared: [`EMAIL_LC_SHA256:${HASH}`],
    leftOut: [],
  },
  { name: "AdCloud", given: [["AdCloud", "WdcPW-9f3"]], shared: ["AdCloud:WdcPW-9f3"], leftOut: [] },
  {
    name: "custom namespaces and raw e-mails stay at home",
    given: [
      ["CRMID", "c-1"],
      ["CRMID", "c-2"],
      ["Email", "a@example.test"],
      ["Phone", "+4912345"],
    ],
    shared: [],
    leftOut: ["CRMID customNamespace 2", "Email rawEmail 1", "Phone customNamespace 1"],
  },
  {
    name: "a raw e-mail under the hash's namespace stays at home",
    given: [["EMAIL_LC_SHA256", "a@example.test"]],
    shared: [],
    leftOut: ["EMAIL_LC_SHA256 rawEmail 1"],
  },
  {
    name: "an ECID of 37 digits",
    given: [["ECID", ECID.slice(1)]],
    shared: [],
    leftOut: ["ECID malformed 1"],
  },
  {
    name: "the opt-out device id of zeros",
    given: [["IDFA", "00000000-0000-0000-0000-000000000000"]],
    shared: [],
    leftOut: ["IDFA placeholder 1"],
  },
  {
    name: "a line end in an AdCloud id",
    given: [["AdCloud", "a\r\nb"]],
    shared: [],
    leftOut: ["AdCloud malformed 1"],
  },
  {
    name: "TNTID, FPID and AAID are not shared",
    given: [
      ["TNTID", "t"],
      ["FPID", "f"],
      ["AAID", "a"],
    ],
    shared: [],
    leftOut: ["AAID customNamespace 1", "FPID customNamespace 1", "TNTID customNamespace 1"],
  },
];

describe("filterIdentities", () => {
  it.each(CASES)("$name", ({ given, shared, leftOut }) => {
    const filtered = filterIdentities(given.map(([namespace, id]) => ({ namespace, id })));
    expect(filtered.shared.map(({ namespace, id }) => `${namespace}:${id}`)).toEqual(shared);
    expect(filtered.leftOut.map((out) => `${out.namespace} ${out.because} ${out.count}`)).toEqual(leftOut);
  });

  it("keeps the most certain state of an identity", () => {
    const state = (authenticatedState: "ambiguous" | "authenticated" | "loggedOut") =>
      ({ namespace: "EMAIL_LC_SHA256", id: HASH, authenticatedState }) as const;
    const filtered = filterIdentities([state("loggedOut"), state("authenticated"), state("ambiguous")]);
    expect(filtered.shared.map(({ authState }) => authState)).toEqual([1]);
  });

  it("shares only the five namespaces, loses and invents nothing, repeats no left-out value", () => {
    const namespace = fc.constantFrom(
      "ECID",
      "IDFA",
      "GAID",
      "EMAIL_LC_SHA256",
      "AdCloud",
      "CRMID",
      "Email",
      "x y",
    );
    const id = fc.oneof(fc.constant(ECID), fc.constant(HASH), fc.uuid(), fc.string(), fc.emailAddress());
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ namespace, id }), {
          selector: (i) => `${i.namespace}\n${i.id.toLowerCase()}`,
        }),
        (items) => {
          const { shared, leftOut } = filterIdentities(items);
          expect(shared.length + leftOut.reduce((sum, { count }) => sum + count, 0)).toBe(items.length);
          for (const one of shared) {
            expect(["ECID", "IDFA", "GAID", "EMAIL_LC_SHA256", "AdCloud"]).toContain(one.namespace);
            expect(one.id).not.toContain("@");
          }
          const said = JSON.stringify(leftOut);
          for (const item of items) if (item.id.includes("@")) expect(said).not.toContain(item.id);
        },
      ),
      { numRuns: 300 },
    );
  });
});
