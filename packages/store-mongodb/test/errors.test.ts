import { MongoBulkWriteError, MongoNetworkError, MongoServerError, MongoServerSelectionError } from "mongodb";
import { describe, expect, it, test } from "vitest";
import { inOurWords, isTransient } from "../src/errors.ts";
import { MongoStoreError } from "../src/index.ts";

const server = (code: number, errorLabels: readonly string[] = []): MongoServerError =>
  new MongoServerError({ message: "as a server says it", code, errorLabels: [...errorLabels] });

describe("a failure is one of the deployment, and can be tried again", () => {
  it.each<[string, unknown]>([
    ["a wire that broke", new MongoNetworkError("closed")],
    ["nobody to be found", new MongoServerSelectionError("none", {} as never)],
    ["a read that met a primary that steps down", server(189)],
    ["a read that met a server that shuts down", server(91)],
    ["a read that met one that is not the primary", server(10_107)],
    ["a time limit of the connection string", server(50)],
    ["a write that may be tried again", server(1, ["RetryableWriteError"])],
    [
      "one of those within a bulk write",
      new MongoBulkWriteError(server(1, ["RetryableWriteError"]), {} as never),
    ],
  ])("%s", (_what, cause) => {
    const error = inOurWords(cause);
    expect(error).toBeInstanceOf(MongoStoreError);
    expect(error).toMatchObject({ code: "mongodb.unavailable", retryable: true, cause });
  });
});

it.each<[string, unknown]>([
  ["a refusal by a rule of the collection", server(121)],
  ["rights that are missing", server(13)],
  ["a bug of ours", new TypeError("undefined is not a function")],
])("%s stays what it is", (_what, cause) => {
  expect(inOurWords(cause)).toBe(cause);
});

test("a transaction begins anew after a conflict or a broken wire, not after a search for a server in vain", () => {
  expect(isTransient(server(112, ["TransientTransactionError"]))).toBe(true);
  expect(isTransient(new MongoNetworkError("closed"))).toBe(true);
  const none = new MongoServerSelectionError("none", {} as never);
  none.addErrorLabel("TransientTransactionError");
  expect(isTransient(none)).toBe(false);
});
