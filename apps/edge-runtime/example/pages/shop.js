// The Web SDK always calls https on the standard port. On one's own machine there is no such server, so its calls are
// led to this shop's own address. On a real site these lines are left out and `edgeDomain` names the edge.
const EDGE = "https://edge.shop.example/";
const local = (url) => (String(url).startsWith(EDGE) ? `/${String(url).slice(EDGE.length)}` : url);
const { fetch: realFetch } = window;
window.fetch = (url, options) => realFetch(local(url), options);
const realBeacon = navigator.sendBeacon.bind(navigator);
navigator.sendBeacon = (url, data) => realBeacon(local(url), data);

const script = document.createElement("script");
script.src = "/alloy.js";
script.addEventListener("load", start);
document.head.append(script);

async function start() {
  await window.alloy("configure", {
    datastreamId: "default",
    orgId: "0A1B2C3D4E5F60718293A4B5@AdobeOrg",
    edgeDomain: "edge.shop.example",
    thirdPartyCookiesEnabled: false,
    defaultConsent: "in",
  });
  document.querySelector("#login").addEventListener("click", () => show({ login: "ada" }));
  document.querySelector("#refuse").addEventListener("click", () => consent("out"));
  document.querySelector("#agree").addEventListener("click", () => consent("in"));
  await show({});
}

async function show({ login }) {
  const xdm = {
    eventType: "web.webpagedetails.pageViews",
    web: { webPageDetails: { name: document.body.dataset.page } },
  };
  if (login !== undefined)
    xdm.identityMap = { CRMID: [{ id: login, authenticatedState: "authenticated", primary: true }] };
  const { propositions = [], destinations = [] } = await window.alloy("sendEvent", {
    xdm,
    personalization: { decisionScopes: ["banner"] },
  });
  const banner = propositions.find(({ scope }) => scope === "banner");
  if (banner !== undefined)
    await window.alloy("applyPropositions", {
      propositions: [banner],
      metadata: { banner: { selector: "#banner", actionType: "setHtml" } },
    });
  const ids = destinations.flatMap(({ segments }) => segments.map(({ id }) => id));
  document.querySelector("#audiences").textContent = ids.length === 0 ? "none" : ids.join(", ");
}

async function consent(general) {
  await window.alloy("setConsent", { consent: [{ standard: "Adobe", version: "1.0", value: { general } }] });
  location.reload();
}
