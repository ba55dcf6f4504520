import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hmacSha256Hex, type HttpRequest, resolveHeaders } from "./index.ts";

const request: HttpRequest = {
  kind: "http",
  id: "r",
  items: [],
  method: "POST",
  url: "https://x.test/",
  headers: { "content-type": "application/json", authorization: { prefix: "Bearer ", secret: "token" } },
  body: '{"a":"é"}',
  signature: { scheme: "hmac-sha256", header: "x-signature", prefix: "sha256=", key: { secret: "key" } },
};
const secrets: Record<string, string> = {
  token: "t0ken",
  key: "k e y",
  broken: "a\r\nx-injected: 1",
  empty: "",
};
const lookup = async (name: string): Promise<string | undefined> => secrets[name];

describe("resolveHeaders", () => {
  it("puts secrets in their place and signs the body", async () => {
    expect(await resolveHeaders(request, lookup)).toEqual({
      kind: "headers",
      headers: {
        "content-type": "application/json",
        authorization: "Bearer t0ken",
        "x-signature": `sha256=${createHmac("sha256", "k e y").update('{"a":"é"}').digest("hex")}`,
      },
    });
  });

  for (const name of ["unknown", "broken", "empty"]) {
    it(`fails, naming the secret and not its value: ${name}`, async () => {
      const failure = await resolveHeaders(
        { ...request, headers: { authorization: { secret: name } } },
        lookup,
      );
      expect(failure).toMatchObject({ kind: "failure", reason: "credential" });
      expect(JSON.stringify(failure)).toContain(name);
      expect(JSON.stringify(failure)).not.toContain("injected");
    });
  }

  it("fails without the signing key", async () => {
    const signature = { scheme: "hmac-sha256", header: "x", key: { secret: "unknown" } } as const;
    expect((await resolveHeaders({ ...request, signature }, lookup)).kind).toBe("failure");
  });

  it("law: signs as the platform does", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, unit: "binary" }),
        fc.string({ unit: "binary" }),
        async (key, text) => {
          expect(await hmacSha256Hex(key, text)).toBe(createHmac("sha256", key).update(text).digest("hex"));
        },
      ),
      { numRuns: 50 },
    );
  });
});
