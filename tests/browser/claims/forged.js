// Calls that a page forges in its visitor's name: none starts a run.
"use strict";

const assert = require("node:assert/strict");

const { answersWithheld, until } = require("../browser");

const start = "/v1/pipelines/shop/runs";

// Sends a form in the page: what each encoding makes of one field.
const form = (enctype, target = "") => (page, to) =>
  page.evaluate(({ to, enctype, target }) => {
    const form = document.body.appendChild(document.createElement("form"));
    Object.assign(form, { method: "post", action: to, enctype, target });
    // As text/plain, name and value join into JSON.
    const field = form.appendChild(document.createElement("input"));
    Object.assign(field, { name: '{"labels": {"from": "', value: '"}}' });
    form.submit();
  }, { to, enctype, target });

// Calls `fetch` in the page, and does not mind what comes back.
const fetched = (options) => (page, to) =>
  page.evaluate(({ to, options }) => fetch(to, { method: "POST", ...options }).then(() => {}, () => {}), { to, options });

const run = (script) => (page, to) => page.evaluate(script, to);

const ways = {
  "a form, urlencoded": form("application/x-www-form-urlencoded"),
  "a form whose text reads as JSON": form("text/plain"),
  "a form, multipart": form("multipart/form-data"),
  "a form into a new window": form("text/plain", "_blank"),
  "a form that says no origin": async (page, to) => {
    await page.evaluate(() => document.head.append(Object.assign(document.createElement("meta"), { name: "referrer", content: "no-referrer" })));
    await form("text/plain")(page, to);
  },
  "a form that a redirect sends on": (page, to) => form("text/plain")(page, `${new URL(page.url()).origin}/redirect?to=${encodeURIComponent(to)}`),
  "a form of a sandbox, which has no origin,": run((to) => {
    const frame = document.body.appendChild(document.createElement("iframe"));
    frame.sandbox = "allow-forms allow-popups allow-scripts";
    frame.srcdoc = `<form method=post target=_blank enctype=text/plain action="${to}"><input name='{"labels": {}, "x' value='"}'></form><script>document.forms[0].submit()</script>`;
  }),
  "fetch without CORS": fetched({ mode: "no-cors", body: "{}" }),
  "fetch without CORS, with credentials": fetched({ mode: "no-cors", credentials: "include", body: "{}" }),
  "fetch without CORS or a body": fetched({ mode: "no-cors" }),
  "fetch that outlives its page": fetched({ mode: "no-cors", keepalive: true, body: "{}" }),
  "fetch of text, by CORS": fetched({ body: "{}" }),
  "fetch of JSON, by CORS": fetched({ body: "{}", headers: { "content-type": "application/json" } }),
  "fetch of a Blob that is JSON": run((to) => fetch(to, { method: "POST", mode: "no-cors", body: new Blob(["{}"], { type: "application/json" }) }).then(() => {}, () => {})),
  "a beacon of text": run((to) => void navigator.sendBeacon(to, "{}")),
  "a beacon of a Blob that is JSON": run((to) => void navigator.sendBeacon(to, new Blob(["{}"], { type: "application/json" }))),
  "the ping of a link": run((to) => {
    const link = document.body.appendChild(document.createElement("a"));
    Object.assign(link, { href: "#", ping: to });
    link.click();
  }),
};

// Sends the attack and gives the status of the answer to its POST, or why the browser withheld that; nothing if it sent none.
async function sent(way, origin, to, { context, seen }) {
  const page = await context.newPage();
  const withheld = await answersWithheld(context, page);
  await page.goto(origin);
  const first = seen.answers.length;
  const before = seen.failures.length;
  await way(page, to);
  const isOurs = ({ method, url }) => method === "POST" && url === to;
  const answer = () => [...seen.answers.slice(first), ...withheld()].find(isOurs);
  const failure = () => seen.failures.slice(before).find(isOurs);
  await until(() => answer() ?? failure(), 10_000);

  return (await until(answer, 2500))?.status ?? failure()?.why;
}

const claim = (name, way) => ({
  name: `${name} starts no run`,
  async holds(visit) {
    const { places } = visit;
    places.hits.length = 0;
    await sent(way, places.evil, places.decoy + start, visit);
    const arrives = places.hits.some(({ method, path }) => method === "POST" && path === start);
    for (const origin of places.origins) {
      for (const service of places.services) {
        const status = await sent(way, origin, service + start, visit);
        assert.ok(status === 403 || !arrives, `${origin} to ${service}: ${status}`);
      }
    }
  },
});

// A browser that remembers the password of Basic sends it with every call to the service.
const remembered = {
  name: "a form starts no run with a remembered password",
  async holds(visit) {
    const { places, context } = visit;
    const own = await context.newPage();
    await own.goto(`${places.team.replace("://", `://browser:${places.key}@`)}/v1/runs`);
    assert.equal((await own.goto(`${places.team}/v1/runs`)).status(), 200, "the browser does not remember the password");
    for (const origin of places.origins) {
      for (const way of ["a form whose text reads as JSON", "a form that a redirect sends on", "fetch without CORS, with credentials", "a beacon of text"]) {
        assert.equal(await sent(ways[way], origin, places.team + start, visit), 403, `${way}, from ${origin}`);
      }
    }
  },
};

const unasked = {
  name: "a browser that says where a call comes from is asked for no password",
  async holds({ places, context }) {
    const page = await context.newPage();
    const answer = await page.goto(`${places.keyed.replace("://", `://browser:${places.key}@`)}/v1/runs`);
    assert.equal(answer.status(), 401);
  },
};

module.exports = [...Object.entries(ways).map(([name, way]) => claim(name, way)), remembered, unasked];
