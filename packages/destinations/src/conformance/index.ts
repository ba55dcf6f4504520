export { type ConformanceCase, type DestinationSamples, destinationCases } from "./destination-cases.ts";
export { type OutboxCase, outboxCases, outboxItem } from "./outbox-cases.ts";
