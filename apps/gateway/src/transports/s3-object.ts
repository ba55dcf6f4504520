import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { FileRequest, FileTarget } from "@tessera/destinations";
import { encodedContent } from "./encoded-content.ts";

/** Size of one part of an upload; S3 wants at least 5 MiB for all but the last. */
const PART = 8 * 1024 * 1024;
/** Up to here one call does; beyond, a server that stores what it was sent before a cut would show half an object. */
const ONE_CALL = 64 * 1024;

/**
 * Writes one object. Small files go in one call, larger ones in parts; either way the object appears whole or not at
 * all, and what was sent of a broken upload is taken back. Gives the location and the number of bytes.
 */
export async function writeS3Object(
  request: FileRequest,
  target: Extract<FileTarget, { readonly kind: "s3" }>,
  { secretAccessKey, signal }: { readonly secretAccessKey: string; readonly signal: AbortSignal },
): Promise<{ readonly location: string; readonly bytes: number }> {
  const { bucket: Bucket, region, prefix, endpoint, accessKeyId } = target;
  const client = new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
  });
  const Key = prefix === "" ? request.name : `${prefix.replace(/\/+$/, "")}/${request.name}`;
  const kind = {
    ContentType: request.contentType,
    ...(request.compression === "gzip" && { ContentEncoding: "gzip" }),
  };
  const abortable = { abortSignal: signal };
  let upload: string | undefined;
  const parts: { readonly ETag: string | undefined; readonly PartNumber: number }[] = [];
  let bytes = 0;
  try {
    let last: Buffer = Buffer.alloc(0);
    for await (const { part, isLast } of partsOf(request)) {
      bytes += part.length;
      if (isLast && upload === undefined && part.length <= ONE_CALL) {
        last = part;
        break;
      }
      upload ??= (await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...kind }), abortable))
        .UploadId;
      const PartNumber = parts.length + 1;
      const sent = await client.send(
        new UploadPartCommand({ Bucket, Key, UploadId: upload, PartNumber, Body: part }),
        abortable,
      );
      parts.push({ ETag: sent.ETag, PartNumber });
    }
    if (upload === undefined)
      await client.send(new PutObjectCommand({ Bucket, Key, Body: last, ...kind }), abortable);
    else {
      const whole = { Bucket, Key, UploadId: upload, MultipartUpload: { Parts: parts } };
      await client.send(new CompleteMultipartUploadCommand(whole), abortable);
    }
    return { location: `s3://${Bucket}/${Key}`, bytes };
  } catch (error) {
    if (upload !== undefined) {
      await client
        .send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: upload }))
        .catch(() => undefined);
    }
    throw error;
  } finally {
    client.destroy();
  }
}

/** The content in parts; the last one may be short, or empty for an empty file. */
async function* partsOf(
  request: FileRequest,
): AsyncGenerator<{ readonly part: Buffer; readonly isLast: boolean }> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of encodedContent(request)) {
    pieces.push(piece);
    size += piece.length;
    if (size < PART) continue;
    const all = Buffer.concat(pieces);
    yield { part: all.subarray(0, PART), isLast: false };
    pieces = [all.subarray(PART)];
    size = all.length - PART;
  }
  yield { part: Buffer.concat(pieces), isLast: true };
}
