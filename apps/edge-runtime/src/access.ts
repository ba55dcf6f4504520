/** What the credentials of a request prove. */
export type Access =
  | { readonly kind: "anonymous" }
  | { readonly kind: "authenticated"; readonly organisation?: string }
  | { readonly kind: "invalid" };

/** Checks the credentials of a server-side caller. */
export type Authenticator = (header: (name: string) => string | undefined) => Access | Promise<Access>;

/** Accepts any of the given bearer tokens. Compares without telling by time how much of a token was right. */
export function tokenAuthenticator(tokens: readonly string[]): Authenticator {
  return (header) => {
    const authorization = header("authorization");
    if (authorization === undefined) return { kind: "anonymous" };
    const token = /^Bearer (.+)$/i.exec(authorization)?.[1] ?? "";
    let known = false;
    for (const candidate of tokens) known = sameText(candidate, token) || known;
    if (!known) return { kind: "invalid" };
    const organisation = header("x-gw-ims-org-id");
    return organisation === undefined ? { kind: "authenticated" } : { kind: "authenticated", organisation };
  };
}

/** Whether two texts are the same, in a time that depends on the length of the second only. */
export function sameText(expected: string, came: string): boolean {
  let difference = expected.length ^ came.length;
  for (let index = 0; index < came.length; index++) {
    difference |= came.charCodeAt(index) ^ expected.charCodeAt(index % Math.max(1, expected.length));
  }
  return difference === 0 && expected.length > 0;
}
