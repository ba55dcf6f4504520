import { Readable } from "node:stream";
import { BlobServiceClient } from "@azure/storage-blob";
import type { FileRequest, FileTarget } from "@tessera/destinations";
import { encodedContent } from "./encoded-content.ts";

const BLOCK = 4 * 1024 * 1024;
const BLOCKS_AT_ONCE = 4;

/** Writes one block blob. It appears whole, when its blocks are committed. Gives the location and the number of bytes. */
export async function writeAzureBlob(
  request: FileRequest,
  target: Extract<FileTarget, { readonly kind: "azure-blob" }>,
  { connectionString, signal }: { readonly connectionString: string; readonly signal: AbortSignal },
): Promise<{ readonly location: string; readonly bytes: number }> {
  const { container, prefix } = target;
  const service = BlobServiceClient.fromConnectionString(connectionString, { retryOptions: { maxTries: 1 } });
  const name = prefix === "" ? request.name : `${prefix.replace(/\/+$/, "")}/${request.name}`;
  const blob = service.getContainerClient(container).getBlockBlobClient(name);
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of encodedContent(request)) {
      bytes += piece.length;
      yield piece;
    }
  };
  await blob.uploadStream(Readable.from(counted()), BLOCK, BLOCKS_AT_ONCE, {
    abortSignal: signal,
    blobHTTPHeaders: {
      blobContentType: request.contentType,
      ...(request.compression === "gzip" && { blobContentEncoding: "gzip" }),
    },
  });
  return { location: `azure-blob://${container}/${name}`, bytes };
}
