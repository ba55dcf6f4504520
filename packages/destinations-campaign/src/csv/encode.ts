/** Turns text pieces into bytes. UTF-16 is little-endian and begins with its byte order mark. */
export function createEncoder(encoding: "utf-8" | "utf-16"): (text: string) => Uint8Array {
  if (encoding === "utf-8") {
    const encoder = new TextEncoder();
    return (text) => encoder.encode(text);
  }
  let begun = false;
  return (text) => {
    const marked = begun ? text : `\ufeff${text}`;
    begun = true;
    const bytes = new Uint8Array(marked.length * 2);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < marked.length; index += 1)
      view.setUint16(index * 2, marked.charCodeAt(index), true);
    return bytes;
  };
}

/** Compresses a stream of bytes with gzip, holding no more than a few chunks at a time. */
export async function* gzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = new CompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const pump = (async (): Promise<void> => {
    try {
      for await (const chunk of chunks) await writer.write(new Uint8Array(chunk));
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
      throw error;
    }
  })();
  pump.catch(() => undefined);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
    await pump;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
