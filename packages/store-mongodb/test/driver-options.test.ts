import { MongoClient, type MongoClientOptions } from "mongodb";
import { expect, test } from "vitest";
import { driverOptions } from "../src/driver-options.ts";

const URI = "mongodb://127.0.0.1:1/?replicaSet=rs0";

test.each<[string, string, MongoClientOptions | undefined, object]>([
  [
    "the default is ours",
    URI,
    undefined,
    {
      serverSelectionTimeoutMS: 5_000,
      heartbeatFrequencyMS: 2_000,
      minHeartbeatFrequencyMS: 2_500,
      replicaSet: "rs0",
    },
  ],
  [
    "nobody asks for a check sooner than it comes, however often checks are to come",
    `${URI}&heartbeatFrequencyMS=700`,
    undefined,
    { heartbeatFrequencyMS: 700, minHeartbeatFrequencyMS: 1_200 },
  ],
  [
    "checks as given beside the connection string",
    `${URI}&heartbeatFrequencyMS=700`,
    { heartbeatFrequencyMS: 900 },
    { heartbeatFrequencyMS: 900, minHeartbeatFrequencyMS: 1_400 },
  ],
  [
    "what the connection string says goes to the driver",
    `${URI}&serverSelectionTimeoutMS=300&maxPoolSize=7&compressors=zlib&tls=true`,
    undefined,
    { serverSelectionTimeoutMS: 300, maxPoolSize: 7, compressors: ["zlib"], tls: true },
  ],
  [
    "so does what is given beside it, which counts more",
    `${URI}&serverSelectionTimeoutMS=300`,
    { serverSelectionTimeoutMS: 200, appName: "tessera" },
    { serverSelectionTimeoutMS: 200, appName: "tessera" },
  ],
  ["undefined fields are never written as null", URI, { ignoreUndefined: false }, { ignoreUndefined: true }],
])("%s", (_what, uri, given, expected) => {
  const client = new MongoClient(uri, driverOptions(uri, given));
  expect({ ...client.options, ignoreUndefined: client.db("x").bsonOptions.ignoreUndefined }).toMatchObject(
    expected,
  );
});
