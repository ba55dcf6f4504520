import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64, toBase64Url } from "./base64.ts";

test("writes and reads bytes as the platform does, in both alphabets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = toBase64Url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(fromBase64(text)).toEqual(bytes);
      expect(fromBase64(Buffer.from(bytes).toString("base64"))).toEqual(bytes);
    }),
  );
});

test("reads nothing that holds another character, wherever it stands", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.nat(),
      fc.constantFrom("!", "=", " ", ".", "\0", "é", "\u{1F600}"),
      (bytes, at, wrong) => {
        const text = toBase64Url(bytes);
        const place = at % text.length;
        expect(fromBase64(`${text.slice(0, place)}${wrong}${text.slice(place)}`)).toBeUndefined();
      },
    ),
  );
});
