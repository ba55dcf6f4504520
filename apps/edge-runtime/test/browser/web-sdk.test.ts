import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type LaunchOptions, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { COOKIE, ORG } from "../definitions.ts";
import { type RunningEdge, RUNTIMES } from "../runtimes.ts";
import { type StandInHub, startStandInHub } from "../stand-in-hub.ts";
import { makeCertificate } from "./certificate.ts";
import { type ShopPages, startShopPages } from "./shop-pages.ts";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const isMissing = !existsSync(CHROMIUM);

/** What `sendEvent` gives the page. */
interface Sent {
  readonly destinations?: readonly {
    readonly alias: string;
    readonly segments: readonly { readonly id: string }[];
  }[];
  readonly propositions?: readonly {
    readonly scope: string;
    readonly renderAttempted: boolean;
    readonly items: readonly { readonly data: { readonly content?: unknown } }[];
  }[];
}

/** What stands on the page. */
interface ShopWindow {
  readonly alloy: (command: string, options?: object) => Promise<unknown>;
}

if (isMissing) {
  it("the Web SDK in Chromium", ({ skip }) => {
    expect(process.env["CI"], `${CHROMIUM} is missing; CI has to have it`).toBeFalsy();
    skip(`${CHROMIUM} is missing: the Web SDK was not tried in a browser`);
  });
}

describe.each(isMissing ? [] : RUNTIMES)("the Web SDK in Chromium, the edge on %s", (_, start) => {
  let hub: StandInHub;
  let edge: RunningEdge;
  let pages: ShopPages;
  let launch: LaunchOptions;
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    const tls = await makeCertificate();
    hub = await startStandInHub();
    [edge, pages] = await Promise.all([
      start({ hubUrl: hub.url, lookupBudgetMs: 2000, tls }),
      startShopPages(tls),
    ]);
    const rules = [
      ...["edge.shop.test", "edge.other.test", "adobedc.demdex.net"].map(
        (name) => `MAP ${name}:443 127.0.0.1:${edge.port}`,
      ),
      ...["www.shop.test", "www.other.test"].map((name) => `MAP ${name}:443 127.0.0.1:${pages.port}`),
      "MAP * ~NOTFOUND",
    ];
    launch = {
      executablePath: CHROMIUM,
      args: ["--no-sandbox", "--ignore-certificate-errors", `--host-resolver-rules=${rules.join(",")}`],
    };
    browser = await chromium.launch(launch);
  }, 60_000);
  afterEach(() => context?.close());
  afterAll(async () => {
    await browser?.close();
    await edge?.stop();
    await pages?.close();
    await hub?.close();
  });

  const newVisitor = async (): Promise<void> => {
    context = await browser.newContext({ ignoreHTTPSErrors: true });
  };
  const open = async (configuration: object = {}, site = "www.shop.test"): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`https://${site}/page`);
    const settings = {
      datastreamId: "main",
      orgId: ORG,
      edgeDomain: "edge.shop.test",
      thirdPartyCookiesEnabled: false,
      clickCollectionEnabled: false,
      ...configuration,
    };
    await page.evaluate(
      (given) => (window as unknown as ShopWindow).alloy("configure", given).then(() => undefined),
      settings,
    );
    return page;
  };
  const run = <T>(page: Page, command: string, options: object = {}): Promise<T> =>
    page.evaluate(([name, given]) => (window as unknown as ShopWindow).alloy(name, given), [
      command,
      options,
    ] as const) as Promise<T>;
  const view = (page: Page, more: object = {}): Promise<Sent> =>
    run<Sent>(page, "sendEvent", {
      renderDecisions: true,
      xdm: { eventType: "web.webpagedetails.pageViews" },
      personalization: { decisionScopes: ["hero"] },
      ...more,
    });
  const plain = (page: Page, eventType: string): Promise<Sent> =>
    run<Sent>(page, "sendEvent", { xdm: { eventType } });
  const segments = (sent: Sent): readonly string[] =>
    sent.destinations?.flatMap((destination) => destination.segments.map(({ id }) => id)) ?? [];
  const ecid = async (page: Page): Promise<string> => {
    const { identity } = await run<{ identity: { ECID: string } }>(page, "getIdentity");
    return identity.ECID;
  };
  const cookies = (page: Page): Promise<string> => page.evaluate(() => document.cookie);

  it("first visit: identity, audiences and decisions on the same page, and the display is told", async () => {
    await newVisitor();
    const page = await open();
    const displayed = page.waitForRequest(
      (request) => request.postData()?.includes("decisioning.propositionDisplay") === true,
    );
    const sent = await view(page);
    expect(sent.destinations).toMatchObject([{ alias: "shop", segments: [{ id: "viewed-today" }] }]);
    const hero = sent.propositions?.find(({ scope }) => scope === "hero");
    expect(hero?.items[0]?.data.content).toBe("Nice to see you look around");
    expect(sent.propositions?.find(({ scope }) => scope === "__view__")?.renderAttempted).toBe(true);
    await expect.poll(() => page.textContent("#banner")).toBe("for viewers");
    expect(await ecid(page)).toMatch(/^\d{38}$/);
    expect(await run(page, "getIdentity")).toMatchObject({ edge: { regionId: 7 } });
    const held = await cookies(page);
    expect(held).toContain(`${COOKIE}identity=`);
    expect(held).toContain(`${COOKIE}cluster=va6`);
    expect(decodeURIComponent(held)).toContain(`MCMID|${await ecid(page)}`);
    const answer = await (await displayed).response();
    expect(answer?.status()).toBe(200);
    await expect
      .poll(() => hub.received.some(({ body }) => body["eventType"] === "decisioning.propositionDisplay"))
      .toBe(true);
  });

  it("offers as JSON and as a redirect reach the page under their scopes, tokens filled for where they stand", async () => {
    await newVisitor();
    const sent = await view(await open(), { personalization: { decisionScopes: ["facts", "away"] } });
    const items = ["facts", "away"].map(
      (scope) => sent.propositions?.find((one) => one.scope === scope)?.items[0],
    );
    expect(items).toMatchObject([
      {
        schema: "https://ns.adobe.com/personalization/json-content-item",
        data: { content: { tier: "none", list: [1, 2] } },
      },
      {
        schema: "https://ns.adobe.com/personalization/redirect-item",
        data: { content: "https://www.shop.test/sale?from=guest%20%26%20co" },
      },
    ]);
  });

  it("return visit: the same identity, and what was done before still counts", async () => {
    await newVisitor();
    const first = await open();
    await plain(first, "commerce.purchases");
    const before = await ecid(first);
    await first.close();
    const again = await open();
    const sent = await view(again);
    expect(await ecid(again)).toBe(before);
    expect(segments(sent)).toEqual(["viewed-today", "bought-today"]);
    expect(decodeURIComponent(await cookies(again))).toContain("shop_aud=seg=bought-today");
  });

  it("login: the known person's audiences and offers are there on the same page", async () => {
    await newVisitor();
    const page = await open();
    expect(segments(await view(page))).toEqual(["viewed-today"]);
    const identityMap = { CRMID: [{ id: "gold-1", authenticatedState: "authenticated", primary: true }] };
    const sent = await view(page, { xdm: { eventType: "web.webpagedetails.pageViews", identityMap } });
    expect(segments(sent)).toEqual(expect.arrayContaining(["gold", "batch-vip", "vip-page"]));
    const hero = sent.propositions?.find(({ scope }) => scope === "hero");
    expect(hero?.items[0]?.data.content).toBe("Hello Ada, gold");
    expect(JSON.stringify(sent.destinations)).not.toContain("Ada");
  });

  it("consent out and in: nothing is collected in between", async () => {
    await newVisitor();
    const page = await open({ defaultConsent: "pending" });
    const choose = (general: string): Promise<unknown> =>
      run(page, "setConsent", { consent: [{ standard: "Adobe", version: "1.0", value: { general } }] });
    const before = hub.received.length;
    const collected = (): readonly unknown[] =>
      hub.received
        .slice(before)
        .filter(({ path }) => path.startsWith("/collect/events"))
        .map(({ body }) => (body["web"] as { webPageDetails: { name?: string } }).webPageDetails.name);
    const named = (name: string): Promise<Sent> =>
      view(page, { renderDecisions: false, xdm: { web: { webPageDetails: { name } } } });
    await choose("out");
    expect(await cookies(page)).toContain(`${COOKIE}consent=general=out`);
    expect(await cookies(page)).not.toContain(`${COOKIE}identity`);
    expect(await named("refused")).toEqual({});
    await choose("in");
    expect(await cookies(page)).toContain(`${COOKIE}consent=general=in`);
    expect((await named("agreed")).destinations).toHaveLength(1);
    expect(await cookies(page)).toContain(`${COOKIE}identity=`);
    await choose("out");
    expect(await named("refused again")).toEqual({});
    await choose("in");
    await named("agreed again");
    await expect.poll(collected).toEqual(["agreed", "agreed again"]);
  });

  it("unload: the farewell beacon leaves with the page and arrives", async () => {
    await newVisitor();
    // Notes where the next page can read it what became of the last page's beacon.
    await context.addInitScript(() => {
      const send = navigator.sendBeacon.bind(navigator);
      navigator.sendBeacon = (url, data) => {
        const isQueued = send(url, data);
        sessionStorage.setItem("farewell", `${isQueued} ${String(url)}`);
        return isQueued;
      };
    });
    const page = await open();
    await view(page);
    const visitor = await ecid(page);
    await page.evaluate(() => {
      addEventListener("pagehide", () => {
        const { alloy } = window as unknown as ShopWindow;
        void alloy("sendEvent", { documentUnloading: true, xdm: { eventType: "farewell" } });
      });
    });
    await page.goto("https://www.shop.test/next");
    const farewell = await page.evaluate(() => sessionStorage.getItem("farewell"));
    expect(farewell).toMatch(/^true https:\/\/edge\.shop\.test\/ee\/va6\/v1\/collect\?configId=main/);
    await expect
      .poll(() => hub.received.find(({ body }) => body["eventType"] === "farewell")?.body["identityMap"])
      .toMatchObject({ ECID: [{ id: visitor }] });
  });

  it("second tab: one visitor, and each tab sees what the other did", async () => {
    await newVisitor();
    const [one, two] = [await open(), await open()];
    await view(one);
    await plain(two, "commerce.purchases");
    expect(await ecid(two)).toBe(await ecid(one));
    expect(segments(await plain(one, "other"))).toEqual(["viewed-today", "bought-today"]);
    await Promise.all([plain(one, "a"), plain(two, "b"), plain(one, "c"), plain(two, "d")]);
    expect(segments(await plain(two, "e"))).toEqual(["viewed-today", "bought-today"]);
  });

  it("an edge under a foreign domain: state travels in the body", async () => {
    await newVisitor();
    const page = await open({ edgeDomain: "edge.other.test" });
    await view(page);
    const before = await ecid(page);
    const request = page.waitForRequest((sent) => sent.url().startsWith("https://edge.other.test/ee/va6/"));
    expect(segments(await plain(page, "other"))).toEqual(["viewed-today"]);
    expect((await request).postDataJSON()).toMatchObject({
      meta: { state: { entries: expect.arrayContaining([{ key: `${COOKIE}cluster`, value: "va6" }]) } },
    });
    await page.close();
    expect(await ecid(await open({ edgeDomain: "edge.other.test" }))).toBe(before);
  });

  it("third-party cookies: one device over two sites", async () => {
    // A private window refuses such cookies, and so does a profile that does not say otherwise.
    const profile = await mkdtemp(join(tmpdir(), "edge-chromium-"));
    const preferences = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
    await mkdir(join(profile, "Default"));
    await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(preferences));
    onTestFinished(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
    context = await chromium.launchPersistentContext(profile, { ...launch, ignoreHTTPSErrors: true });
    const third = { thirdPartyCookiesEnabled: true };
    const shop = await open(third);
    const demdex = shop.waitForRequest((sent) => sent.url().startsWith("https://adobedc.demdex.net/ee/v1/"));
    await view(shop);
    expect((await demdex).postDataJSON()).toMatchObject({
      query: { identity: { fetch: ["ECID", "CORE"] } },
    });
    const core = await run<{ identity: { CORE: string } }>(shop, "getIdentity", { namespaces: ["CORE"] });
    expect(core.identity.CORE).toMatch(/^\d{38}$/);
    const other = await open({ ...third, edgeDomain: "edge.other.test" }, "www.other.test");
    await view(other);
    expect(await ecid(other)).toBe(await ecid(shop));
  });
});
