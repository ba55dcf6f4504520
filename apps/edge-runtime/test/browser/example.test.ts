import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { expect, it, onTestFinished } from "vitest";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

it("the example shop: the banner changes by audience on the same page", async ({ skip }) => {
  if (!existsSync(CHROMIUM)) {
    expect(process.env["CI"], `${CHROMIUM} is missing; CI has to have it`).toBeFalsy();
    skip(`${CHROMIUM} is missing: the example was not opened`);
  }
  const shop = spawn(
    process.execPath,
    ["--conditions=@tessera/source", fileURLToPath(new URL("../../example/shop.ts", import.meta.url))],
    { env: { ...process.env, SHOP_PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = new Promise<number | null>((done) => shop.on("exit", done));
  const url = await new Promise<string>((done, fail) => {
    void ended.then((code) => fail(new Error(`The shop ended with ${code} before it was open.`)));
    shop.stdout.on("data", (piece: Buffer) => {
      const found = /http:\/\/localhost:\d+/.exec(piece.toString());
      if (found !== null) done(found[0]);
    });
  });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  onTestFinished(async () => {
    await browser.close();
    shop.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
  const page = await browser.newPage();
  const audiences = (): Promise<string | null> => page.textContent("#audiences");
  await page.goto(url);
  await expect.poll(audiences).toBe("none");
  expect(await page.textContent("#banner")).toBe("Free delivery on everything");
  await page.click("nav a:nth-child(2)");
  await expect.poll(() => page.textContent("#banner")).toContain("−20 %");
  await page.click("nav a:nth-child(1)");
  await expect.poll(() => page.textContent("#banner")).toContain("−20 %");
  await page.click("#login");
  await expect.poll(() => page.textContent("#banner")).toContain("−50 %");
  await page.click("#refuse");
  await expect.poll(audiences).toBe("none");
  expect(await page.textContent("#banner")).toBe("Free delivery on everything");
  // The hub has linked this browser with Ada meanwhile: she need not log in again.
  await page.click("#agree");
  await expect.poll(() => page.textContent("#banner")).toContain("−50 %");
});
