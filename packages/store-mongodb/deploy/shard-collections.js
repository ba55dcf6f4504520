// mongosh mongodb://…/<database> shard-collections.js, once for each database (each sandbox has its own), after a gateway made it.
// What is not named here stays on the primary shard: it is small, or is kept in one order.
const KEYS = {
  persons: { _id: "hashed" },
  fragments: { _id: "hashed" },
  identities: { _id: "hashed" },
  events: { _id: "hashed" },
  records: { o: "hashed" },
  owners: { _id: 1 },
  membershipLog: { p: 1, n: 1 },
};
const name = db.getName();
sh.enableSharding(name);
for (const [collection, key] of Object.entries(KEYS)) {
  if (Object.values(key).includes("hashed")) db.getCollection(collection).createIndex(key);
  sh.shardCollection(`${name}.${collection}`, key);
  print(`${name}.${collection} is spread by ${JSON.stringify(key)}`);
}
