// Names that lead to the service but are not its own: DNS rebinding.
"use strict";

const assert = require("node:assert/strict");

// A page that was loaded from the attacker, under a name that by now leads to the service at the same port.
async function rebound(context, { port }, host) {
  const origin = `http://${host}:${port}`;
  const page = await context.newPage();
  await page.route(`${origin}/attack`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>page</title>" }));
  await page.goto(`${origin}/attack`);

  return page;
}

const call = ([path, method]) =>
  fetch(path, { method, body: method === "POST" ? "{}" : undefined }).then(async (answer) => ({ status: answer.status, text: await answer.text() }));

module.exports = [
  {
    name: "a name that suddenly leads to the service is answered with 421",
    async holds({ context, places }) {
      for (const host of ["rebound.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
        const page = await rebound(context, places, host);
        for (const [path, method] of [["/v1/pipelines/shop/runs", "POST"], ["/v1/tables/shop.orders/rows", "GET"], ["/docs/", "GET"], ["/openapi.json", "GET"]]) {
          const { status, text } = await page.evaluate(call, [path, method]);
          assert.equal(status, 421, `${host} ${path}`);
          assert.ok(!text.includes("order_id"), text);
        }
      }
    },
  },
  {
    name: "the address 0.0.0.0 is not one of the service's names",
    async holds({ context, seen, places }) {
      const page = await context.newPage();
      await page.goto(places.evil);
      const to = `http://0.0.0.0:${places.port}/v1/pipelines/shop/runs`;
      await page.evaluate((to) => fetch(to, { method: "POST", mode: "no-cors", body: "{}" }).then(() => {}, () => {}), to);
      const taken = seen.answers.filter(({ url, status }) => url === to && ![403, 421].includes(status));
      assert.deepEqual(taken, []);
    },
  },
];
