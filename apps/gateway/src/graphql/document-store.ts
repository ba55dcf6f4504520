import type { DocumentNode } from "graphql";

/** Documents that were parsed and validated, by their hash, as Apollo keeps them. */
export interface DocumentStore {
  readonly get: (hash: string) => Promise<DocumentNode | undefined>;
  readonly set: (hash: string, document: DocumentNode) => Promise<void>;
  readonly delete: (hash: string) => Promise<boolean>;
}

const KEPT = 1_000;
/** Longer documents are read each time: so what is kept stays small, whoever asks for what. */
const LENGTH_MAX = 10_000;

/** Keeps the documents that were used last; none that is long, nor one whose length is not known. */
export function createDocumentStore(): DocumentStore {
  const documents = new Map<string, DocumentNode>();
  return {
    get: async (hash) => {
      const document = documents.get(hash);
      if (document === undefined) return undefined;
      documents.delete(hash);
      documents.set(hash, document);
      return document;
    },
    set: async (hash, document) => {
      if ((document.loc?.end ?? Infinity) > LENGTH_MAX) return;
      if (documents.size >= KEPT) documents.delete(documents.keys().next().value ?? "");
      documents.set(hash, document);
    },
    delete: async (hash) => documents.delete(hash),
  };
}
