export { type RunDocumentCase, runDocumentCases } from "./run-document-cases.ts";
