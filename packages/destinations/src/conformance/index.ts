export { type ConformanceCase, type DestinationSamples, destinationCases } from "./destination-cases.ts";
