export { type MongoStore, type MongoStoreOptions, openMongoStore } from "./mongo-store.ts";
export { dropMongoStore } from "./drop-store.ts";
export { type Lease, type Leases } from "./leases.ts";
export { MONGO_STORE_ERRORS, MongoStoreError, type MongoStoreErrorCode } from "./errors.ts";
export { type Candidates, type PersonPart } from "./person-part.ts";
export { pushDown, type PushedDown } from "./push-down.ts";
export { type RecentMemberships } from "./recent-memberships.ts";
